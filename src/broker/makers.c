/* makers.c: the life of an environment's processes in the broker: started, listened to, replaced, started again when one dies.
 * An environment's death is its own: the others and all runs under way go on. Trusts the messages of makers in form only. */
#include "broker/core.h"
#include "broker/process.h"
#include "common/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT_LINE_MAX = 4096 };
#define BACKOFF_MIN_NS 50000000ULL
#define BACKOFF_MAX_NS 5000000000ULL
/* For which the broker waits: at the first start for as long as it takes; later runs go on meanwhile, and the supervisor looks after us. */
enum { LAUNCH_SECONDS_FIRST = 100, LAUNCH_SECONDS = 3 };

/* --- strangers ------------------------------------------------------------------------------------------------------- */

static bool is_ours(const struct broker *broker, pid_t pid)
{
    if (pid == broker->client)
        return true;
    for (uint32_t i = 0; i < broker->environment_count; i++) {
        const struct environment *env = &broker->environments[i];
        if (env->incubator.pid == pid || env->zygote.pid == pid || env->next.pid == pid || env->old.pid == pid)
            return true;
        if (sets_own(env, pid))
            return true;
    }
    for (uint32_t i = 0; i < broker->slot_count; i++)
        if (broker->slots[i].init == pid || broker->slots[i].program == pid || broker->slots[i].ended == pid ||
            broker->slots[i].collector == pid)
            return true;
    return false;
}

int maker_child(const struct broker *broker, pid_t pid)
{
    siginfo_t info;
    if (!is_ours(broker, pid) && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0)
        return (int)syscall(SYS_pidfd_open, pid, 0);
    errno = ECHILD;
    return -1;
}

/* Whose child of ours it is is told by its user id; each environment has a range of its own. */
static bool is_of(const struct environment *env, int pid)
{
    char path[32], line[128];
    unsigned uid = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL && sscanf(line, "Uid: %u", &uid) != 1)
        ;
    if (file != NULL)
        fclose(file);
    return uid >= env->plan.first_id && uid < env->plan.first_id + environment_id_count(env->plan.slots);
}

void reap_strangers(const struct broker *broker, const struct environment *env)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%ld/children", syscall(SYS_gettid));
    FILE *file = fopen(path, "re");
    int pid;
    while (file != NULL && fscanf(file, "%d", &pid) == 1)
        if (!is_ours(broker, pid) && (env == NULL || is_of(env, pid))) {
            kill(pid, SIGKILL);
            waitpid(pid, NULL, __WALL);
        }
    if (file != NULL)
        fclose(file);
}

/* --- start and end --------------------------------------------------------------------------------------------------- */

int maker_watch(struct broker *broker, const struct environment *env, const struct maker *maker)
{
    if (broker_watch_maker(broker, maker->channel, WATCH_MAKER, env, maker->pid) != 0 ||
        broker_watch_maker(broker, maker->pidfd, WATCH_MAKER_PID, env, maker->pid) != 0)
        return -1;
    return maker->output < 0 ? 0 : broker_watch_maker(broker, maker->output, WATCH_MAKER_OUTPUT, env, maker->pid);
}

int environment_begin(struct broker *broker, struct environment *env, struct error *err)
{
    env->warm = false;
    env->since = now_ns();
    env->retry_at = 0;
    if (environment_start(&env->incubator, &env->zygote, &env->plan, env->served_once ? LAUNCH_SECONDS : LAUNCH_SECONDS_FIRST, err) != 0) {
        reap_strangers(broker, env); /* an incubator of which its launcher could not tell */
        return -1;
    }
    if (maker_watch(broker, env, &env->incubator) == 0 && maker_watch(broker, env, &env->zygote) == 0)
        return 0;
    error_set(err, errno, "epoll_ctl");
    environment_end(env);
    return -1;
}

void environment_end(struct environment *env)
{
    env->warm = env->lost_forks = false;
    env->rotate_at = 0;
    sets_end(env);
    maker_stop(&env->next);
    maker_stop(&env->old);
    maker_stop(&env->zygote);
    maker_stop(&env->incubator);
}

/* Its zygote holds tens of megabytes that nobody uses. */
static void environment_rest(struct broker *broker, struct environment *env)
{
    log_event(LOG_INFO, "environment.rests", LOG_S("environment", env->config->name));
    environment_end(env);
    slots_forget_makers(broker, env);
    env->resting = true;
    env->state_unsent = true;
    client_flush(broker);
}

void environment_wake(struct broker *broker, struct environment *env)
{
    struct error err;
    if (!env->resting)
        return;
    env->resting = false;
    if (environment_begin(broker, env, &err) != 0) {
        log_event(LOG_ERROR, "environment.failed", LOG_S("environment", env->config->name), LOG_S("error", err.text));
        env->retry_at = now_ns() + BACKOFF_MAX_NS;
    }
}

/* What an interpreter prints while it starts: a traceback that tells why it cannot, a module's warning. */
void maker_output_readable(struct broker *broker, const struct environment *env, const struct maker *maker)
{
    char text[OUTPUT_LINE_MAX];
    ssize_t n;
    while (maker->output >= 0 && (n = read(maker->output, text, sizeof text - 1)) != 0) {
        if (n < 0)
            return;
        text[n] = '\0';
        char *save = NULL;
        for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
            log_event(LOG_WARN, "environment.says", LOG_S("environment", env->config->name), LOG_S("line", line));
    }
    if (maker->output >= 0)
        epoll_ctl(broker->epoll, EPOLL_CTL_DEL, maker->output, NULL);
}

void environment_lose(struct broker *broker, struct environment *env, const char *why)
{
    if (env->zygote.pid == 0)
        return;
    maker_output_readable(broker, env, &env->zygote); /* its last words */
    environment_end(env);
    slots_forget_makers(broker, env);
    reap_strangers(broker, env);
    if (!env->served_once && !broker->stopping) {
        struct error err;
        error_set(&err, 0, "the environment %s (%s) could not start: %s", env->config->name, env->plan.interpreter, why);
        broker_fail(broker, &err);
        return;
    }
    env->state_unsent = true;
    broker->restarts[ROLE_INCUBATOR]++;
    broker->restarts[ROLE_ZYGOTE]++;
    client_flush(broker);
    uint64_t now = now_ns();
    bool lived = now - env->since > BACKOFF_MAX_NS;
    env->backoff = lived || env->backoff == 0 ? BACKOFF_MIN_NS : env->backoff * 2;
    if (env->backoff > BACKOFF_MAX_NS)
        env->backoff = BACKOFF_MAX_NS;
    env->retry_at = now + env->backoff;
    log_event(LOG_ERROR, "environment.lost", LOG_S("environment", env->config->name), LOG_S("why", why),
              LOG_T("retry_in", (double)env->backoff / 1e9));
}

/* --- rotation -------------------------------------------------------------------------------------------------------- */

static void rotation_begin(struct broker *broker, struct environment *env, uint64_t now)
{
    struct error err;
    env->next_since = now;
    if (environment_start_zygote(&env->next, &env->incubator, &env->plan, 0, &err) == 0) {
        if (maker_watch(broker, env, &env->next) == 0)
            return;
        error_set(&err, errno, "epoll_ctl");
        maker_stop(&env->next);
    }
    log_event(LOG_WARN, "environment.not_rotated", LOG_S("environment", env->config->name), LOG_S("error", err.text));
    rotation_failed(env, now);
}

/* The new zygote did not become warm: the old one goes on. */
static void rotation_abort(struct broker *broker, struct environment *env, const char *why)
{
    maker_output_readable(broker, env, &env->next);
    log_event(LOG_WARN, "environment.not_rotated", LOG_S("environment", env->config->name), LOG_S("error", why));
    maker_stop(&env->next);
    rotation_failed(env, now_ns());
}

bool environment_owes(const struct environment *env, uint32_t set, uint32_t serial)
{
    for (uint32_t i = 0; i < env->slot_count; i++)
        if (env->slots[i].fork_pending && env->slots[i].set == set && env->slots[i].zygote == serial)
            return true;
    return false;
}

/* Killed only: it is reaped when its pidfd tells, so that nobody waits for the kernel to free its memory. */
void environment_answered(struct environment *env)
{
    if (env->old.pid != 0 && !environment_owes(env, SET_PLAIN, env->zygote_serial - 1))
        syscall(SYS_pidfd_send_signal, env->old.pidfd, SIGKILL, NULL, 0);
}

static void rotation_finish(struct broker *broker, struct environment *env)
{
    const uint64_t now = now_ns();
    log_event(LOG_INFO, "environment.rotated", LOG_S("environment", env->config->name), LOG_S("why", env->rotate_why),
              LOG_I("runs", (int64_t)env->runs), LOG_T("age", (double)(now - env->zygote_since) / 1e9));
    env->old = env->zygote;
    env->zygote = env->next;
    env->next = MAKER_NONE;
    env->warm_up_ns = now - env->next_since;
    env->zygote_serial++;
    rotation_took_over(env, now);
    environment_answered(env);
}

void maker_forget_forks(struct broker *broker, struct environment *env, uint32_t set, uint32_t serial)
{
    bool lost = false;
    for (uint32_t i = 0; i < env->slot_count; i++) {
        struct slot *slot = &env->slots[i];
        if (!slot->fork_pending || slot->set != set || slot->zygote != serial)
            continue;
        slot->fork_pending = false;
        lost = true;
        if (slot->state == SLOT_FORKING)
            slot_abandon(broker, slot);
        else if (slot->state == SLOT_DYING && slot->init == 0)
            slot_init_ended(broker, slot);
    }
    if (lost) {
        env->lost_forks = true;
        env->fill_at = now_ns(); /* a look at them, should nobody owe an answer any more */
    }
}

/* What a dead zygote has cloned without having told of it is a stranger. So is, for a moment, what the others have just cloned: theirs to
 * tell first. Nothing new is asked of them meanwhile (supply_fill()). */
static void reap_lost_forks(struct broker *broker, struct environment *env)
{
    for (uint32_t i = 0; i < env->slot_count; i++)
        if (env->slots[i].fork_pending || env->slots[i].nest_pending)
            return;
    env->lost_forks = false;
    reap_strangers(broker, env);
    env->fill_at = now_ns();
}

/* The old zygote has ended. When that was too early, the sandboxes that it was making are lost; nothing else. */
static void old_ended(struct broker *broker, struct environment *env)
{
    maker_stop(&env->old);
    maker_forget_forks(broker, env, SET_PLAIN, env->zygote_serial - 1);
}

/* --- what they say --------------------------------------------------------------------------------------------------- */

static void zygote_warm(struct broker *broker, struct environment *env, const struct maker *maker, struct message *message)
{
    const uint64_t now = now_ns();
    struct message_zygote_warm *warm = &message->zygote_warm;
    warm->what[sizeof warm->what - 1] = '\0';
    warm->version[sizeof warm->version - 1] = '\0';
    if (warm->error != 0 && maker == &env->next) {
        rotation_abort(broker, env, warm->what);
        return;
    }
    if (warm->error != 0) {
        environment_lose(broker, env, warm->what);
        return;
    }
    if (maker == &env->next) {
        rotation_finish(broker, env);
    } else {
        env->warm_up_ns = now - env->since;
        env->zygote_serial++;
        rotation_took_over(env, now);
        log_event(LOG_INFO, "environment.warm", LOG_S("environment", env->config->name), LOG_S("python", warm->version),
                  LOG_T("took", (double)env->warm_up_ns / 1e9));
    }
    env->warm = true;
    env->sets[SET_PLAIN].supply.used_at = now;
    sets_plain_is_warm(env, warm->has);
    memcpy(env->python, warm->version, sizeof env->python);
    if (message->fd_count == 1) {
        if (env->inventory >= 0)
            close(env->inventory);
        env->inventory = message->fds[0];
        message->fds[0] = -1;
    }
    env->state_unsent = true;
    client_flush(broker);
    supply_fill(broker, env);
}

/* Ends whom the maker can take with it. */
static void maker_broke(struct broker *broker, struct environment *env, const struct maker *maker, const char *why)
{
    if (maker == &env->next)
        rotation_abort(broker, env, why);
    else
        environment_lose(broker, env, why);
}

static void maker_readable(struct broker *broker, struct environment *env, struct maker *maker)
{
    const pid_t pid = maker->pid;
    const bool incubator = maker == &env->incubator;
    struct message message;
    while (maker->pid == pid) { /* a message may be the end of it, or make it another one */
        int r = channel_receive(maker->channel, &message);
        if (r < 0 && errno == EAGAIN)
            return;
        if (r <= 0) {
            /* Its end is told by the pidfd, with how it ended; a protocol error ends it. */
            if (r < 0)
                maker_broke(broker, env, maker, "it broke the protocol");
            else
                epoll_ctl(broker->epoll, EPOLL_CTL_DEL, maker->channel, NULL);
            return;
        }
        watchdog_heard(&maker->watchdog);
        const bool may_be_warm = maker == &env->next || (maker == &env->zygote && !env->warm);
        if (may_be_warm && message.head.type == MESSAGE_ZYGOTE_WARM)
            zygote_warm(broker, env, maker, &message);
        else if ((maker == &env->zygote || maker == &env->old) && message.head.type == MESSAGE_PROGRAM_FORKED)
            slot_program_forked(broker, env, &message);
        else if (incubator && message.head.type == MESSAGE_NEST_MADE)
            slot_nest_made(broker, env, &message);
        else
            maker_broke(broker, env, maker, "it sent a message that it may not send");
        message_close_fds(&message);
    }
}

static void maker_ended(struct broker *broker, struct environment *env, struct maker *maker)
{
    const pid_t pid = maker->pid;
    char why[96];
    maker_readable(broker, env, maker); /* its last words */
    if (maker->pid != pid)
        return;
    if (maker == &env->old) {
        old_ended(broker, env);
        return;
    }
    int n = snprintf(why, sizeof why, "the %s ", maker == &env->incubator ? "incubator" : "interpreter");
    process_describe_ended(pid, why + n, sizeof why - (size_t)n);
    maker_broke(broker, env, maker, why);
}

void environment_maker_hangs(struct broker *broker, struct environment *env, const struct maker *maker, const char *why)
{
    if (sets_hang(broker, env, maker, why))
        return;
    if (maker == &env->old) /* what it still owes is told to be lost when it has ended */
        syscall(SYS_pidfd_send_signal, maker->pidfd, SIGKILL, NULL, 0);
    else
        maker_broke(broker, env, maker, why);
}

static void maker_event(struct broker *broker, struct environment *env, enum watch what, pid_t pid)
{
    struct maker *const makers[] = {&env->incubator, &env->zygote, &env->next, &env->old};
    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++) {
        if (makers[i]->pid != pid)
            continue;
        if (what == WATCH_MAKER)
            maker_readable(broker, env, makers[i]);
        else if (what == WATCH_MAKER_PID)
            maker_ended(broker, env, makers[i]);
        else
            maker_output_readable(broker, env, makers[i]);
        return;
    }
}

void environment_event(struct broker *broker, struct environment *env, enum watch what, pid_t pid)
{
    if (!sets_event(broker, env, what, pid))
        maker_event(broker, env, what, pid);
    if (env->lost_forks)
        reap_lost_forks(broker, env);
}

void environment_deadline(struct broker *broker, struct environment *env, uint64_t now)
{
    struct error err;
    if (env->lost_forks)
        reap_lost_forks(broker, env);
    if (env->fill_at != 0 && env->fill_at <= now) {
        env->fill_at = 0;
        supply_fill(broker, env);
    }
    const uint64_t look_at = supply_look_at(env);
    if (look_at != 0 && look_at <= now)
        supply_look(broker, env, now);
    if (env->growth.look_at != 0 && env->growth.look_at <= now)
        sets_look(broker, env, now);
    const uint64_t rest_at = supply_rest_at(broker, env);
    if (rest_at != 0 && rest_at <= now) {
        if (supply_is_idle(env))
            environment_rest(broker, env);
        else
            env->sets[SET_PLAIN].supply.used_at = now;
    }
    if (rotation_due(env, now) && !broker->stopping)
        rotation_begin(broker, env, now);
    if (env->retry_at == 0 || env->retry_at > now)
        return;
    if (environment_begin(broker, env, &err) != 0) {
        log_event(LOG_ERROR, "environment.failed", LOG_S("environment", env->config->name), LOG_S("error", err.text));
        env->retry_at = now + BACKOFF_MAX_NS;
    }
}
