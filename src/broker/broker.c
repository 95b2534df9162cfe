/* broker.c: the privileged process: one thread, one epoll. It waits for messages of its own processes, for the ends of
 * its children (pidfds) and for the next deadline. It reads no byte that a client or a program wrote. */
#include "broker/broker.h"
#include "broker/core.h"
#include "broker/keys.h"
#include "broker/inner_root.h"
#include "broker/process.h"
#include "broker/seat.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_MAX = 64, SLOTS_MAX = 2048 /* of an environment; its makers have so many places */ };
#define SECOND_NS 1000000000ULL
#define RETIRE_SLACK_NS (60 * SECOND_NS)

int broker_watch(struct broker *broker, int fd, uint32_t events, enum watch what, const struct slot *slot)
{
    uint64_t data = (uint64_t)what << 56;
    if (slot != NULL)
        data |= (uint64_t)slot->index << 32 | (uint32_t)(what == WATCH_SLOT_INIT ? slot->nest : slot->generation);
    return epoll_ctl(broker->epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = events, .data.u64 = data});
}

int broker_watch_maker(struct broker *broker, int fd, enum watch what, const struct environment *env, pid_t pid)
{
    const uint64_t data = (uint64_t)what << 56 | (uint64_t)env->index << 32 | (uint32_t)pid;
    return epoll_ctl(broker->epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.u64 = data});
}

void broker_fail(struct broker *broker, const struct error *err)
{
    if (!broker->failed)
        broker->failure = *err;
    broker->failed = true;
}

/* --- the loop -------------------------------------------------------------------------------------------------------- */

static void stop(struct broker *broker)
{
    if (broker->stopping) { /* a second time: at once */
        broker->client_retry_at = 0;
        if (broker->client > 0)
            kill(broker->client, SIGKILL);
        return;
    }
    broker->stopping = true;
    broker->client_retry_at = now_ns() + (uint64_t)(broker->config->drain_timeout * 1e9);
    if (broker->client > 0)
        kill(broker->client, SIGTERM); /* it finishes its runs and exits; the loop ends with it */
}

/* The front finishes what was accepted, however long that may take by the settings. */
static void retire(struct broker *broker)
{
    const struct config *config = broker->config;
    if (broker->retiring || broker->stopping)
        return;
    log_event(LOG_INFO, "broker.retires", LOG_I("pid", getpid()));
    broker->retiring = true;
    broker->mode_unsent = true;
    broker->client_retry_at = now_ns() + RETIRE_SLACK_NS +
                              (uint64_t)((config->idle_timeout + config->body_timeout + config->max_wait + config->max_timeout) * 1e9);
    client_flush(broker);
    supply_retire(broker);
    if (broker->client == 0) /* it has just died, and nobody waits for another one */
        broker->stopping = true;
}

/* A file that cannot be used changes nothing. */
static void reload_keys(struct broker *broker)
{
    struct error err;
    int keys = broker->keys >= 0 ? keys_open(broker->config->keys_file, &err) : error_set(&err, 0, "keys-file is not set");
    if (keys < 0) {
        log_event(LOG_ERROR, "keys.unchanged", LOG_S("reason", err.text));
        seat_say(broker->control, "keys failed %s", err.text);
        return;
    }
    close(broker->keys);
    broker->keys = keys;
    broker->keys_unsent = true;
    client_flush(broker);
    seat_say(broker->control, "keys ok");
}

static void control_readable(struct broker *broker)
{
    char line[SEAT_LINE_MAX];
    long n;
    while ((n = seat_hear(broker->control, line)) > 0) {
        if (strcmp(line, "ping") == 0)
            seat_say(broker->control, "pong");
        else if (strcmp(line, "keys") == 0)
            reload_keys(broker);
        else if (strcmp(line, "retire") == 0)
            retire(broker);
    }
    if (n == 0 || errno != EAGAIN) { /* the supervisor is dead */
        close_fd(&broker->control);
        stop(broker);
        stop(broker);
    }
}

static void signals_readable(struct broker *broker)
{
    struct signalfd_siginfo info;
    while (read(broker->signals, &info, sizeof info) == (ssize_t)sizeof info)
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT || (info.ssi_signo == SIGHUP && broker->control < 0))
            stop(broker);
}

static void dispatch(struct broker *broker, const struct epoll_event *event)
{
    enum watch what = (enum watch)(event->data.u64 >> 56);
    uint32_t index = (uint32_t)(event->data.u64 >> 32) & 0xffffff;
    struct slot *slot = NULL;

    if (what >= WATCH_SLOT_INIT) {
        slot = &broker->slots[index];
        if ((uint32_t)(what == WATCH_SLOT_INIT ? slot->nest : slot->generation) != (uint32_t)event->data.u64)
            return; /* of the slot's sandbox before this one */
    }
    switch (what) {
    case WATCH_SIGNAL:
        signals_readable(broker);
        break;
    case WATCH_CLIENT:
        if (event->events & EPOLLOUT)
            client_flush(broker);
        if (event->events & ~(uint32_t)EPOLLOUT)
            client_readable(broker);
        break;
    case WATCH_CLIENT_PID:
        client_gone(broker);
        break;
    case WATCH_CONTROL:
        if (broker->control >= 0)
            control_readable(broker);
        break;
    case WATCH_MAKER:
    case WATCH_MAKER_PID:
    case WATCH_MAKER_OUTPUT:
        environment_event(broker, &broker->environments[index], what, (pid_t)(uint32_t)event->data.u64);
        break;
    case WATCH_SLOT_OOM:
        slot_out_of_memory(broker, &broker->slots[index]);
        break;
    case WATCH_SLOT_INIT:
        if (slot->init != 0)
            slot_init_ended(broker, slot);
        break;
    case WATCH_SLOT_PROGRAM:
        slot_program_ended(broker, slot);
        break;
    case WATCH_SLOT_JOB:
        if (slot->state == SLOT_FORKING && slot->job >= 0)
            slot_program_says(broker, slot);
        break;
    case WATCH_SLOT_COLLECTOR:
        if (slot->collector != 0)
            slot_collector_event(broker, slot);
        break;
    }
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
    return a == 0 ? b : b == 0 || a < b ? a : b;
}

static uint64_t next_deadline(const struct broker *broker)
{
    uint64_t next = earliest(broker->client_retry_at, broker->watch_at);
    for (uint32_t i = 0; i < broker->environment_count; i++) {
        const struct environment *env = &broker->environments[i];
        next = earliest(next, earliest(env->retry_at, earliest(env->fill_at, earliest(supply_look_at(env), env->growth.look_at))));
        next = earliest(next, supply_rest_at(broker, env));
        if (env->warm && env->next.pid == 0 && env->old.pid == 0 && !broker->stopping)
            next = earliest(next, env->rotate_at);
    }
    for (uint32_t i = 0; i < broker->slot_count; i++)
        next = earliest(next, broker->slots[i].deadline);
    return next;
}

static void deadlines(struct broker *broker)
{
    struct error err;
    uint64_t now = now_ns();
    if (broker->watch_at != 0 && broker->watch_at <= now)
        broker_look_after(broker, now);
    for (uint32_t i = 0; i < broker->slot_count; i++)
        if (broker->slots[i].deadline != 0 && broker->slots[i].deadline <= now)
            slot_deadline(broker, &broker->slots[i], now);
    for (uint32_t i = 0; i < broker->environment_count; i++)
        environment_deadline(broker, &broker->environments[i], now);
    if (broker->client_retry_at != 0 && broker->client_retry_at <= now) {
        broker->client_retry_at = 0;
        if (broker->stopping || broker->retiring) {
            if (broker->client > 0)
                kill(broker->client, SIGKILL);
        } else if (broker->client == 0 && broker->client_start(broker, &err) != 0) {
            log_event(LOG_ERROR, "front.failed", LOG_S("error", err.text));
            broker->client_retry_at = now + SECOND_NS;
        }
    }
}

/* Once every environment has had a sandbox, requests are answered as they will be. */
static void tell_ready(struct broker *broker)
{
    for (uint32_t i = 0; i < broker->environment_count && !broker->told_ready; i++)
        if (!broker->environments[i].served_once)
            return;
    if (broker->told_ready || broker->control < 0)
        return;
    broker->told_ready = true;
    client_flush(broker); /* the front accepts */
    seat_say(broker->control, "ready %d pongs", SEAT_VERSION);
}

static void loop(struct broker *broker)
{
    struct epoll_event events[EVENTS_MAX];
    broker->watch_at = now_ns() + WATCHDOG_TICK_NS;
    while (!broker->failed && !(broker->stopping && broker->client == 0)) {
        uint64_t next = next_deadline(broker), now = next != 0 ? now_ns() : 0;
        struct timespec wait = {0};
        if (next > now) {
            wait.tv_sec = (time_t)((next - now) / SECOND_NS);
            wait.tv_nsec = (long)((next - now) % SECOND_NS);
        }
        int n = epoll_pwait2(broker->epoll, events, EVENTS_MAX, next != 0 ? &wait : NULL, NULL);
        for (int i = 0; i < n && !broker->failed; i++)
            dispatch(broker, &events[i]);
        if (next != 0)
            deadlines(broker);
        tell_ready(broker);
    }
}

/* --- start and end --------------------------------------------------------------------------------------------------- */

static int raise_descriptor_limit(const struct broker *broker, struct error *err)
{
    const rlim_t needed = 64 + (rlim_t)broker->slot_count * 24;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= needed)
        return 0;
    struct rlimit raised = {.rlim_cur = needed, .rlim_max = limit.rlim_max > needed ? limit.rlim_max : needed};
    return setrlimit(RLIMIT_NOFILE, &raised) == 0
               ? 0
               : error_set(err, errno, "%u sandboxes need %llu descriptors; raise the limit (ulimit -n) or lower concurrency and pool",
                           broker->slot_count, (unsigned long long)needed);
}

/* For what runs, what is ready or being made, and what is being cleaned up. The front starts no more than `concurrency`
 * at a time, which may all be of one environment. */
static int64_t slots_needed(const struct config *config, const struct config_environment *environment)
{
    return config->concurrency + 2 * environment->pool_max;
}

static int make_slots(struct broker *broker, struct error *err)
{
    const struct config *config = broker->config;
    for (size_t i = 0; i < config->environment_count; i++) {
        const int64_t needed = slots_needed(config, &config->environments[i]);
        if (needed > SLOTS_MAX)
            return error_set(err, 0, "concurrency and twice pool-max are %lld together, and can be %d; lower one of them",
                             (long long)needed, SLOTS_MAX);
        broker->slot_count += (uint32_t)needed;
    }
    broker->slots = calloc(broker->slot_count, sizeof *broker->slots);
    if (broker->slots == NULL)
        return error_set(err, errno, "slots");
    for (uint32_t i = 0; i < broker->slot_count; i++) {
        struct slot *slot = &broker->slots[i];
        slot->index = i;
        slot->init_pidfd = slot->program_pidfd = slot->job = slot->out = slot->err = slot->report = -1;
        slot->collector_pidfd = slot->collector_control = slot->collector_client = -1;
    }
    return raise_descriptor_limit(broker, err);
}

/* Each with a part of the slots and of the ids of its own. The front has the first id. */
static int plan_environments(struct broker *broker, struct error *err)
{
    const struct config *config = broker->config;
    struct slot *slots = broker->slots;
    uint32_t id = (uint32_t)config->first_uid + 1;
    for (uint32_t i = 0; i < config->environment_count; i++) {
        struct environment *env = &broker->environments[broker->environment_count++];
        *env = (struct environment){
            .config = &config->environments[i], .index = i, .slots = slots, .incubator = MAKER_NONE,
            .zygote = MAKER_NONE, .next = MAKER_NONE, .old = MAKER_NONE, .inventory = -1};
        sets_init(broker, env);
        env->slot_count = (uint32_t)slots_needed(config, env->config);
        for (uint32_t place = 0; place < env->slot_count; place++) {
            slots[place].environment = env;
            slots[place].place = place;
        }
        if (environment_plan(&env->plan, env->config, id, env->slot_count, err) != 0)
            return config->environment_count > 1 ? error_wrap(err, "environment %s", env->config->name) : -1;
        env->plan.landlock_min = (uint32_t)config->landlock_min;
        slots += env->slot_count;
        id += environment_id_count(env->slot_count);
    }
    return 0;
}

static int prepare(struct broker *broker, struct error *err)
{
    sigset_t set;
    if (inner_root(broker->config, err) != 0)
        return -1;
    if (geteuid() != 0)
        return error_set(err, 0, BROKER_NEEDS_ROOT);
    if (prctl(PR_SET_DUMPABLE, 0) != 0)
        return error_set(err, errno, "prctl");
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1); /* without a meaning; their default is to kill */
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    broker->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    broker->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (broker->signals < 0 || broker->epoll < 0 || broker_watch(broker, broker->signals, EPOLLIN, WATCH_SIGNAL, NULL) != 0)
        return error_set(err, errno, "epoll");
    if (broker->control >= 0 && broker_watch(broker, broker->control, EPOLLIN, WATCH_CONTROL, NULL) != 0)
        return error_set(err, errno, "epoll_ctl");
    if (make_slots(broker, err) != 0 || plan_environments(broker, err) != 0)
        return -1;
    return cgroup_tree_open(&broker->cgroups, broker->control >= 0, err);
}

static void finish(struct broker *broker)
{
    broker->stopping = true;
    client_stop(broker);
    for (uint32_t i = 0; i < broker->environment_count; i++)
        environment_end(&broker->environments[i]);
    reap_strangers(broker, NULL); /* before the slots: an init does not end while a program of its namespace is not reaped */
    for (uint32_t i = 0; i < broker->slot_count; i++)
        slot_destroy(broker, &broker->slots[i]);
    cgroup_tree_close(&broker->cgroups);
}

static void release(struct broker *broker)
{
    for (uint32_t i = 0; i < broker->environment_count; i++) {
        environment_plan_free(&broker->environments[i].plan);
        if (broker->environments[i].inventory >= 0)
            close(broker->environments[i].inventory);
    }
    broker->environment_count = 0;
    free(broker->slots);
    broker->slots = NULL;
    broker->slot_count = 0;
}

static int begin_environments(struct broker *broker, struct error *err)
{
    for (uint32_t i = 0; i < broker->environment_count; i++)
        if (environment_begin(broker, &broker->environments[i], err) != 0)
            return broker->environment_count > 1 ? error_wrap(err, "environment %s", broker->environments[i].config->name) : -1;
    return 0;
}

int broker_main(struct broker *broker, struct error *err)
{
    broker->client_channel = broker->client_pidfd = -1;
    if (prepare(broker, err) != 0) {
        release(broker);
        return -1;
    }
    int r = -1;
    if (begin_environments(broker, err) == 0 && broker->client_start(broker, err) == 0) {
        loop(broker);
        r = broker->failed ? -1 : broker->exit_status;
        if (broker->failed)
            *err = broker->failure;
    }
    finish(broker);
    release(broker);
    return r;
}
