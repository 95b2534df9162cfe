/* broker.c: the privileged process: one thread, one epoll. It waits for messages of its own processes, for the ends of
 * its children (pidfds) and for the next deadline. It reads no byte that a client or a program wrote. */
#include "broker/broker.h"
#include "broker/core.h"
#include "broker/process.h"
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

enum { EVENTS_MAX = 64, SLOTS_MAX = 2048, OUTPUT_LINE_MAX = 4096 };
#define SECOND_NS 1000000000ULL
#define BACKOFF_MIN_NS 50000000ULL
#define BACKOFF_MAX_NS (5 * SECOND_NS)
#define DRAIN_NS (10 * SECOND_NS) /* SIGTERM: the front may finish what runs for this long */

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

int broker_watch(struct broker *broker, int fd, uint32_t events, enum watch what, const struct slot *slot)
{
    uint64_t data = (uint64_t)what << 56;
    if (slot != NULL)
        data |= (uint64_t)slot->index << 32 | (uint32_t)slot->generation;
    return epoll_ctl(broker->epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = events, .data.u64 = data});
}

void broker_fail(struct broker *broker, const struct error *err)
{
    if (!broker->failed)
        broker->failure = *err;
    broker->failed = true;
}

/* --- the environment ----------------------------------------------------------------------------------------------- */

static bool is_ours(const struct broker *broker, pid_t pid)
{
    if (pid == broker->client || pid == broker->environment.incubator || pid == broker->environment.zygote)
        return true;
    for (uint32_t i = 0; i < broker->slot_count; i++)
        if (broker->slots[i].init == pid || broker->slots[i].program == pid)
            return true;
    return false;
}

/* What an interpreter prints while it starts: a traceback that tells why it cannot, a module's warning. */
static void output_readable(struct broker *broker)
{
    char text[OUTPUT_LINE_MAX];
    ssize_t n;
    while (broker->environment.output >= 0 && (n = read(broker->environment.output, text, sizeof text - 1)) != 0) {
        if (n < 0)
            return;
        text[n] = '\0';
        char *save = NULL;
        for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
            log_event(LOG_WARN, "environment.says", LOG_S("line", line));
    }
    if (broker->environment.output >= 0)
        epoll_ctl(broker->epoll, EPOLL_CTL_DEL, broker->environment.output, NULL);
}

/* Children that a maker made and could not tell us of before it died. */
static void reap_strangers(const struct broker *broker)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%ld/children", syscall(SYS_gettid));
    FILE *file = fopen(path, "re");
    int pid;
    while (file != NULL && fscanf(file, "%d", &pid) == 1)
        if (!is_ours(broker, pid)) {
            kill(pid, SIGKILL);
            waitpid(pid, NULL, __WALL);
        }
    if (file != NULL)
        fclose(file);
}

static int start_environment(struct broker *broker, struct error *err)
{
    struct environment *env = &broker->environment;
    broker->environment_warm = false;
    broker->environment_since = now_ns();
    broker->environment_retry_at = 0;
    if (environment_start(env, &broker->plan, broker->config, err) != 0)
        return -1;
    if (broker_watch(broker, env->incubator_channel, EPOLLIN, WATCH_INCUBATOR, NULL) != 0 ||
        broker_watch(broker, env->zygote_channel, EPOLLIN, WATCH_ZYGOTE, NULL) != 0 ||
        broker_watch(broker, env->output, EPOLLIN, WATCH_OUTPUT, NULL) != 0 ||
        broker_watch(broker, env->incubator_pidfd, EPOLLIN, WATCH_INCUBATOR_PID, NULL) != 0 ||
        broker_watch(broker, env->zygote_pidfd, EPOLLIN, WATCH_ZYGOTE_PID, NULL) != 0)
        return error_set(err, errno, "epoll_ctl");
    return 0;
}

void broker_lose_environment(struct broker *broker, const char *why)
{
    if (broker->environment.zygote == 0)
        return;
    output_readable(broker); /* its last words */
    environment_stop(&broker->environment);
    broker->environment_warm = false;
    slots_forget_makers(broker);
    reap_strangers(broker);
    if (!broker->served_once && !broker->stopping) {
        struct error err;
        error_set(&err, 0, "the environment of %s could not start: %s", broker->plan.interpreter, why);
        broker_fail(broker, &err);
        return;
    }
    uint64_t now = now_ns();
    bool lived = now - broker->environment_since > BACKOFF_MAX_NS;
    broker->environment_backoff = lived || broker->environment_backoff == 0 ? BACKOFF_MIN_NS : broker->environment_backoff * 2;
    if (broker->environment_backoff > BACKOFF_MAX_NS)
        broker->environment_backoff = BACKOFF_MAX_NS;
    broker->environment_retry_at = now + broker->environment_backoff;
    log_event(LOG_ERROR, "environment.lost", LOG_S("why", why), LOG_T("retry_in", (double)broker->environment_backoff / 1e9));
}

static void zygote_warm(struct broker *broker, struct message *message)
{
    message->zygote_warm.what[sizeof message->zygote_warm.what - 1] = '\0';
    message->zygote_warm.version[sizeof message->zygote_warm.version - 1] = '\0';
    if (message->zygote_warm.error != 0) {
        broker_lose_environment(broker, message->zygote_warm.what);
        return;
    }
    broker->environment_warm = true;
    log_event(LOG_INFO, "environment.warm", LOG_S("python", message->zygote_warm.version),
              LOG_T("took", (double)(now_ns() - broker->environment_since) / 1e9));
    slots_fill(broker);
}

static void environment_readable(struct broker *broker, bool zygote)
{
    struct message message;
    for (;;) {
        const int channel = zygote ? broker->environment.zygote_channel : broker->environment.incubator_channel;
        if (channel < 0)
            return;
        int r = channel_receive(channel, &message);
        if (r < 0 && errno == EAGAIN)
            return;
        if (r <= 0) {
            /* Its end is told by the pidfd, with how it ended; a protocol error ends it. */
            if (r < 0)
                broker_lose_environment(broker, "it broke the protocol");
            else
                epoll_ctl(broker->epoll, EPOLL_CTL_DEL, channel, NULL);
            return;
        }
        if (zygote && message.head.type == MESSAGE_ZYGOTE_WARM)
            zygote_warm(broker, &message);
        else if (zygote && message.head.type == MESSAGE_PROGRAM_FORKED)
            slot_program_forked(broker, &message);
        else if (!zygote && message.head.type == MESSAGE_NEST_MADE)
            slot_nest_made(broker, &message);
        else
            broker_lose_environment(broker, "it sent a message that it may not send");
        message_close_fds(&message);
    }
}

static void environment_ended(struct broker *broker, bool zygote)
{
    const pid_t pid = zygote ? broker->environment.zygote : broker->environment.incubator;
    char why[96];
    if (pid == 0)
        return;
    environment_readable(broker, zygote); /* its last words */
    if (pid != (zygote ? broker->environment.zygote : broker->environment.incubator))
        return;
    int n = snprintf(why, sizeof why, "the %s ", zygote ? "interpreter" : "incubator");
    process_describe_ended(pid, why + n, sizeof why - (size_t)n);
    broker_lose_environment(broker, why);
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
    log_event(LOG_INFO, "service.stopping", LOG_I("pid", getpid()));
    broker->client_retry_at = now_ns() + DRAIN_NS;
    if (broker->client > 0)
        kill(broker->client, SIGTERM); /* it finishes its runs and exits; the loop ends with it */
}

static void signals_readable(struct broker *broker)
{
    struct signalfd_siginfo info;
    while (read(broker->signals, &info, sizeof info) == (ssize_t)sizeof info)
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT || info.ssi_signo == SIGHUP)
            stop(broker);
}

static void dispatch(struct broker *broker, const struct epoll_event *event)
{
    enum watch what = (enum watch)(event->data.u64 >> 56);
    uint32_t index = (uint32_t)(event->data.u64 >> 32) & 0xffffff;
    struct slot *slot = NULL;

    if (what >= WATCH_SLOT_INIT) {
        slot = &broker->slots[index];
        if ((uint32_t)slot->generation != (uint32_t)event->data.u64)
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
    case WATCH_INCUBATOR:
    case WATCH_ZYGOTE:
        environment_readable(broker, what == WATCH_ZYGOTE);
        break;
    case WATCH_INCUBATOR_PID:
    case WATCH_ZYGOTE_PID:
        environment_ended(broker, what == WATCH_ZYGOTE_PID);
        break;
    case WATCH_OUTPUT:
        output_readable(broker);
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
    }
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
    return a == 0 ? b : b == 0 || a < b ? a : b;
}

static uint64_t next_deadline(const struct broker *broker)
{
    uint64_t next = earliest(earliest(broker->environment_retry_at, broker->client_retry_at), broker->fill_at);
    for (uint32_t i = 0; i < broker->slot_count; i++)
        next = earliest(next, broker->slots[i].deadline);
    return next;
}

static void deadlines(struct broker *broker)
{
    struct error err;
    uint64_t now = now_ns();
    for (uint32_t i = 0; i < broker->slot_count; i++)
        if (broker->slots[i].deadline != 0 && broker->slots[i].deadline <= now)
            slot_deadline(broker, &broker->slots[i], now);
    if (broker->fill_at != 0 && broker->fill_at <= now) {
        broker->fill_at = 0;
        slots_fill(broker);
    }
    if (broker->environment_retry_at != 0 && broker->environment_retry_at <= now && !broker->stopping &&
        start_environment(broker, &err) != 0) {
        log_event(LOG_ERROR, "environment.failed", LOG_S("error", err.text));
        broker->environment_retry_at = now + BACKOFF_MAX_NS;
    }
    if (broker->client_retry_at != 0 && broker->client_retry_at <= now) {
        broker->client_retry_at = 0;
        if (broker->stopping) {
            if (broker->client > 0)
                kill(broker->client, SIGKILL);
        } else if (broker->client == 0 && broker->client_start(broker, &err) != 0) {
            log_event(LOG_ERROR, "front.failed", LOG_S("error", err.text));
            broker->client_retry_at = now + SECOND_NS;
        }
    }
}

static void loop(struct broker *broker)
{
    struct epoll_event events[EVENTS_MAX];
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

static int make_slots(struct broker *broker, struct error *err)
{
    const struct config *config = broker->config;
    /* For what runs, what is ready or being made, and what is being cleaned up. The front starts no more than
     * `concurrency` at a time. */
    broker->slot_count = (uint32_t)(config->concurrency + 2 * config->pool);
    if (broker->slot_count > SLOTS_MAX)
        return error_set(err, 0, "concurrency and pool are too large together: at most %d", SLOTS_MAX);
    broker->slots = calloc(broker->slot_count, sizeof *broker->slots);
    if (broker->slots == NULL)
        return error_set(err, errno, "slots");
    for (uint32_t i = 0; i < broker->slot_count; i++) {
        struct slot *slot = &broker->slots[i];
        slot->index = i;
        slot->init_pidfd = slot->program_pidfd = slot->job = slot->out = slot->err = -1;
    }
    return raise_descriptor_limit(broker, err);
}

static int prepare(struct broker *broker, struct error *err)
{
    sigset_t set;
    if (geteuid() != 0)
        return error_set(err, 0, "needs root to make sandboxes (namespaces, cgroups, user ids); start it with sudo");
    if (prctl(PR_SET_DUMPABLE, 0) != 0)
        return error_set(err, errno, "prctl");
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1); /* without a meaning yet; their default is to kill */
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    broker->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    broker->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (broker->signals < 0 || broker->epoll < 0 || broker_watch(broker, broker->signals, EPOLLIN, WATCH_SIGNAL, NULL) != 0)
        return error_set(err, errno, "epoll");
    if (make_slots(broker, err) != 0 || environment_plan(&broker->plan, broker->config, broker->slot_count, err) != 0)
        return -1;
    return cgroup_tree_open(&broker->cgroups, err);
}

static void finish(struct broker *broker)
{
    broker->stopping = true;
    client_stop(broker);
    environment_stop(&broker->environment);
    reap_strangers(broker); /* before the slots: an init does not end while a program of its namespace is not reaped */
    for (uint32_t i = 0; i < broker->slot_count; i++)
        slot_destroy(broker, &broker->slots[i]);
    cgroup_tree_close(&broker->cgroups);
}

static void release(struct broker *broker)
{
    environment_plan_free(&broker->plan);
    free(broker->slots);
    broker->slots = NULL;
    broker->slot_count = 0;
}

int broker_main(struct broker *broker, struct error *err)
{
    broker->client_channel = broker->client_pidfd = -1;
    broker->environment = ENVIRONMENT_NONE;
    if (prepare(broker, err) != 0) {
        release(broker);
        return -1;
    }
    int r = -1;
    if (start_environment(broker, err) == 0 && broker->client_start(broker, err) == 0) {
        loop(broker);
        r = broker->failed ? -1 : broker->exit_status;
        if (broker->failed)
            *err = broker->failure;
    }
    finish(broker);
    release(broker);
    return r;
}
