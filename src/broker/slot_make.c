/* slot_make.c: how a sandbox is made in its slot: a cgroup and a nest where the slot has none, then a program, until it says
 * that it is sealed and warm. Its one status, written by trusted code before any of the user's, is all that the broker reads
 * of a sandbox. */
#include "broker/core.h"
#include "broker/process.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAKING_BACKOFF_STEPS = 7 };
#define MAKING_BACKOFF_NS 25000000ULL
#define MAKING_DEADLINE_NS 10000000000ULL

/* The slot that a maker's message names: a maker knows its environment's slots only. */
static struct slot *slot_in(struct environment *env, const struct message_head *head)
{
    if (head->slot >= env->slot_count)
        return NULL;
    struct slot *slot = &env->slots[head->slot];
    return slot->generation == head->generation ? slot : NULL;
}

static struct message_head head_for_maker(const struct slot *slot, enum message_type type)
{
    return (struct message_head){.type = type, .slot = slot->place, .generation = slot->generation};
}

static int zygote_channel(const struct slot *slot)
{
    const struct environment *env = slot->environment;
    return slot->set == SET_PLAIN ? env->zygote.channel : env->sets[slot->set].zygote.channel;
}

static int prepare_cgroup(struct broker *broker, struct slot *slot, struct error *err)
{
    const struct config_environment *config = slot->environment->config;
    if (slot->has_cgroup)
        return 0;
    const struct cgroup_limits limits = {.memory = (uint64_t)config->limit_memory,
                                         .processes = (uint32_t)config->limit_processes,
                                         .cpus = config->limit_cpus};
    if (cgroup_create(&broker->cgroups, slot->index, &limits, &slot->cgroup, err) != 0)
        return -1;
    slot->has_cgroup = true;
    if (slot->cgroup.oom_event >= 0 && broker_watch(broker, slot->cgroup.oom_event, EPOLLIN, WATCH_SLOT_OOM, slot) != 0)
        return error_set(err, errno, "epoll_ctl");
    return 0;
}

/* A sandbox could not be made. Before the environment's first one ever was, the machine lacks something: the service does not
 * start. Later it is a passing want of memory or processes: it is tried again, less and less often. */
void slot_make_failed(struct broker *broker, struct slot *slot, int error, const char *what)
{
    log_event(LOG_ERROR, "sandbox.failed", LOG_I("slot", slot->index), LOG_S("step", what),
              LOG_S("error", strerror(error)));
    struct environment *env = slot->environment;
    if (slot->set != SET_PLAIN && slot->state == SLOT_FORKING) { /* the environment's own zygote may work nevertheless */
        sets_broke(broker, env, slot->set, what);
        return;
    }
    if (!env->served_once) {
        struct error err;
        error_set(&err, error, "sandbox: the step \"%s\" failed; `hatchery doctor` tells what this machine lacks", what);
        broker_fail(broker, &err);
        return;
    }
    if (env->making_failures < MAKING_BACKOFF_STEPS)
        env->making_failures++;
    env->fill_at = env->make_again_at = now_ns() + (MAKING_BACKOFF_NS << env->making_failures);
}

/* Memory for the run's own report, charged to whoever writes it: the run. */
static int make_report(void)
{
    const int fd = memfd_create("report", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd >= 0 && (ftruncate(fd, sizeof(struct report)) != 0 ||
                    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

static int make_pipes(struct slot *slot, int theirs[3])
{
    int job[2], out[2], err[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, job) != 0)
        return -1;
    slot->job = job[0];
    theirs[0] = job[1];
    theirs[1] = theirs[2] = -1;
    if (pipe2(out, O_CLOEXEC) != 0)
        return -1;
    slot->out = out[0];
    theirs[1] = out[1];
    if (pipe2(err, O_CLOEXEC) != 0)
        return -1;
    slot->err = err[0];
    theirs[2] = err[1];
    slot->report = make_report();
    if (slot->report < 0)
        return -1;
    /* The program owns its streams, so that it can open /dev/stdout. */
    const uid_t uid = environment_program_id(&slot->environment->plan, slot->place);
    if (fchown(theirs[1], uid, uid) != 0 || fchown(theirs[2], uid, uid) != 0)
        return -1;
    /* Ours non-blocking, the program's not: it is what python3 main.py would have. */
    return fcntl(slot->job, F_SETFL, O_NONBLOCK) | fcntl(slot->out, F_SETFL, O_NONBLOCK) |
           fcntl(slot->err, F_SETFL, O_NONBLOCK);
}

/* Asks for a program in the slot's nest. */
static void fork_program(struct broker *broker, struct slot *slot)
{
    int theirs[3] = {-1, -1, -1};
    struct message_program_fork fork_program = {.head = head_for_maker(slot, MESSAGE_PROGRAM_FORK)};
    bool sent = false;
    if (!set_is_warm(slot->environment, slot->set)) /* it was when the nest was asked for */
        slot->set = SET_PLAIN;
    if (make_pipes(slot, theirs) == 0 && broker_watch(broker, slot->job, EPOLLIN, WATCH_SLOT_JOB, slot) == 0) {
        int fds[MESSAGE_FDS_MAX] = {slot->init_pidfd, theirs[0], theirs[1], theirs[2], slot->report};
        memcpy(fds + PROGRAM_FDS, slot->cgroup.procs, sizeof slot->cgroup.procs);
        sent = channel_send(zygote_channel(slot), &fork_program, sizeof fork_program, fds, PROGRAM_FDS + slot->cgroup.procs_count) == 0;
    }
    int error = errno;
    for (int i = 0; i < 3; i++)
        close_fd(&theirs[i]);
    slot->state = SLOT_FORKING;
    slot->zygote = set_serial(slot->environment, slot->set);
    slot->needs = slot->environment->sets[slot->set].needs;
    slot->has = slot->environment->sets[slot->set].has;
    slot->fork_pending = sent;
    if (!sent) {
        slot_make_failed(broker, slot, error, "descriptors of a sandbox");
        slot_abandon(broker, slot);
    }
}

void slot_make(struct broker *broker, struct slot *slot, uint32_t set)
{
    struct error err;
    slot->set = set;
    slot->generation = ++broker->generation;
    slot->program_over = slot->started = slot->nest_pending = slot->fork_pending = slot->unwanted = slot->collecting = slot->last_words = false;
    slot->kill_reason = slot->oom_checks = 0;
    slot->memory_limit = (uint64_t)slot->environment->config->limit_memory;
    slot->setup_ns = slot->started_at = slot->ended_at = 0;
    slot->made_at = now_ns();
    slot->deadline = slot->made_at + MAKING_DEADLINE_NS;
    if (prepare_cgroup(broker, slot, &err) != 0) {
        if (!slot->environment->served_once)
            broker_fail(broker, &err);
        else
            slot_make_failed(broker, slot, err.code, err.text);
        slot->deadline = 0;
        return;
    }
    if (slot->init != 0) { /* the nest of the run before, which left nothing in it */
        fork_program(broker, slot);
        return;
    }
    struct message_nest_make make_nest = {.head = head_for_maker(slot, MESSAGE_NEST_MAKE)};
    if (channel_send(slot->environment->incubator.channel, &make_nest, sizeof make_nest, NULL, 0) != 0) {
        environment_lose(broker, slot->environment, "its channel broke");
        return;
    }
    slot->nest = slot->generation;
    slot->nest_spent = false;
    slot->state = SLOT_NESTING;
    slot->nest_pending = true;
}

void slot_nest_made(struct broker *broker, struct environment *env, const struct message *message)
{
    const struct message_nest_made *made = &message->nest_made;
    struct slot *slot = slot_in(env, &message->head);
    if (slot == NULL || !slot->nest_pending || message->fd_count != 0) {
        environment_lose(broker, env, "the incubator broke the protocol");
        return;
    }
    slot->nest_pending = false;
    if (made->pid <= 0 && slot->state != SLOT_NESTING) {
        slot_init_ended(broker, slot); /* abandoned meanwhile, and waited for this answer */
        return;
    }
    if (made->pid <= 0) {
        char what[sizeof made->what];
        memcpy(what, made->what, sizeof what);
        what[sizeof what - 1] = '\0';
        slot->state = SLOT_FREE;
        slot_make_failed(broker, slot, made->error, what);
        return;
    }
    const int pidfd = maker_child(broker, made->pid);
    if (pidfd < 0 && errno == ECHILD) {
        environment_lose(broker, env, "the incubator broke the protocol");
        return;
    }
    slot->init = made->pid;
    slot->init_pidfd = pidfd;
    const bool wanted = slot->state == SLOT_NESTING; /* it was not abandoned meanwhile */
    if (pidfd < 0 || broker_watch(broker, pidfd, EPOLLIN, WATCH_SLOT_INIT, slot) != 0) {
        const int error = errno;
        process_end(&slot->init, &slot->init_pidfd); /* nobody would tell of its end */
        if (wanted) {
            slot_make_failed(broker, slot, error, "descriptors of a sandbox");
            slot_abandon(broker, slot);
        } else {
            slot_init_ended(broker, slot);
        }
        return;
    }
    if (!wanted) {
        slot_kill_all(slot);
        return;
    }
    fork_program(broker, slot);
}

void slot_program_forked(struct broker *broker, struct environment *env, const struct message *message)
{
    const struct message_program_forked *forked = &message->program_forked;
    struct slot *slot = slot_in(env, &message->head);
    const bool expected = slot != NULL && slot->fork_pending && message->fd_count == 0;
    const int pidfd = expected && forked->pid > 0 ? maker_child(broker, forked->pid) : -1;
    if (!expected || (forked->pid > 0 && pidfd < 0 && errno == ECHILD)) {
        environment_lose(broker, env, "the zygote broke the protocol");
        return;
    }
    slot->fork_pending = false;
    environment_answered(env);
    if (forked->pid > 0) {
        slot->program = forked->pid;
        slot->program_pidfd = pidfd;
        if (pidfd < 0 || broker_watch(broker, pidfd, EPOLLIN, WATCH_SLOT_PROGRAM, slot) != 0) {
            const int error = errno;
            process_end(&slot->program, &slot->program_pidfd); /* nobody would tell of its end */
            if (slot->state == SLOT_FORKING) {
                slot_make_failed(broker, slot, error, "pidfd of a program");
                slot_abandon(broker, slot);
            } else if (slot->init == 0) {
                slot_init_ended(broker, slot);
            }
        }
    } else if (slot->state == SLOT_FORKING) {
        slot_make_failed(broker, slot, forked->error, "fork of the zygote");
        slot_abandon(broker, slot);
    } else if (slot->init == 0) {
        slot_init_ended(broker, slot); /* abandoned meanwhile, and waited for this answer */
    }
}

static void hand_over(struct broker *broker, struct slot *slot)
{
    epoll_ctl(broker->epoll, EPOLL_CTL_DEL, slot->job, NULL);
    slot->ready_at = now_ns();
    slot->setup_ns = slot->ready_at - slot->made_at;
    slot->state = SLOT_READY;
    slot->deadline = 0;
    slot->ready_unsent = true;
    slot->environment->served_once = true;
    slot->environment->making_failures = 0;
    cgroup_reset_peak(&slot->cgroup);
    /* The other counters have not moved in this group: cgroup_rearm() saw to it. */
    slot->before = (struct cgroup_usage){0};
    cgroup_read_cpu(&slot->cgroup, &slot->before);
    supply_became_ready(broker, slot);
    client_flush(broker);
}

/* The one status that comes out of a sandbox: trusted code wrote it, before any user code. */
void slot_program_says(struct broker *broker, struct slot *slot)
{
    struct program_status status;
    ssize_t n = recv(slot->job, &status, sizeof status, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n == (ssize_t)sizeof status && status.magic == JOB_MAGIC && status.error == 0) {
        hand_over(broker, slot);
        return;
    }
    if (n == (ssize_t)sizeof status && status.magic == JOB_MAGIC) {
        status.what[sizeof status.what - 1] = '\0';
        slot_make_failed(broker, slot, status.error, status.what);
    } else {
        slot_make_failed(broker, slot, EIO, "the program ended before it was sealed");
    }
    slot_abandon(broker, slot);
}
