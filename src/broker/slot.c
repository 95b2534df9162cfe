/* slot.c: a sandbox's life in the broker, from the moment it is ready: run, judged, cleared away.
 *
 * The verdict is the kernel's: the program is our own child, so its wait status, its cgroup's counters and our clock
 * say how it ended. Nothing that the program writes is looked at. */
#include "broker/core.h"
#include "broker/process.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OOM_CHECKS = 100, CROWD = 8 };
#define OOM_CHECK_NS 2000000ULL
#define DYING_DEADLINE_NS 10000000000ULL
#define QUARANTINE_NS 10000000000ULL
#define LAST_WORDS_NS 5000000ULL  /* how often it is looked whether it still may tell where it is, */
#define LAST_BREATH_NS 20000000ULL /* whether the holder is gone: */
#define LAST_CPU_NS 8000000ULL     /* each needs no more processor time than that, */
#define LAST_MOST_NS 100000000ULL  /* however busy the machine is */
#define CPU_POLL_MIN_NS 1000000ULL
#define CPU_TIME_MOST_NS (1ULL << 62) /* more than any run has, and a moment that far ahead is still one */
#define PREPARING_DEADLINE_NS 5000000000ULL
#define COLLECTING_DEADLINE_NS 15000000000ULL

static struct slot *slot_named(struct broker *broker, const struct message_head *head)
{
    if (head->slot >= broker->slot_count)
        return NULL;
    struct slot *slot = &broker->slots[head->slot];
    return slot->generation == head->generation ? slot : NULL;
}

static struct message_head head_of(const struct slot *slot, enum message_type type)
{
    return (struct message_head){.type = type, .slot = slot->index, .generation = slot->generation};
}

void slot_close_ends(struct slot *slot)
{
    close_fd(&slot->job);
    close_fd(&slot->out);
    close_fd(&slot->err);
    close_fd(&slot->report);
}

/* --- running --------------------------------------------------------------------------------------------------- */

/* Reaps the program that has ended, and ends its holder, and whom else it left in its process group: as long as it is not
 * reaped, the group's number is its own. Not at once: the end of the holder frees the run's memory, which takes the
 * kernel longer than a short run, and the answer is on its way meanwhile. */
static void bury(struct slot *slot)
{
    if (slot->ended == 0)
        return;
    kill(-slot->ended, SIGKILL);
    waitpid(slot->ended, NULL, WNOHANG | __WALL);
    slot->ended = 0;
}

/* The init's death is everybody's. A crowd dies faster with its cgroup's help; for a few processes that is not worth the
 * kernel's lock on all cgroups, which whoever moves between them may hold for milliseconds. */
void slot_kill_all(struct slot *slot)
{
    bury(slot);
    slot->nest_spent = true;
    slot->preparing = slot->prepared_unsent = false;
    if (slot->has_cgroup && cgroup_population(&slot->cgroup) > CROWD)
        cgroup_kill(&slot->cgroup);
    if (slot->init_pidfd >= 0)
        syscall(SYS_pidfd_send_signal, slot->init_pidfd, SIGKILL, NULL, 0);
    if (slot->program_pidfd >= 0)
        syscall(SYS_pidfd_send_signal, slot->program_pidfd, SIGKILL, NULL, 0);
}

/* The run cannot be made as it was asked for: the client gets its one verdict. */
static void refuse(struct broker *broker, struct slot *slot, enum run_outcome outcome)
{
    slot->verdict = (struct message_run_ended){.head = head_of(slot, MESSAGE_RUN_ENDED), .outcome = outcome, .memory_limit = slot->memory_limit};
    slot->verdict_unsent = true;
    slot_abandon(broker, slot);
    client_flush(broker);
}

/* A limit that is lower than the environment's; 0: it is not. */
static uint64_t lower(uint64_t asked, int64_t most)
{
    return asked < (uint64_t)most ? asked : 0;
}

void slot_prepare(struct broker *broker, const struct message_run_prepare *prepare)
{
    struct slot *slot = slot_named(broker, &prepare->head);
    if (slot == NULL || slot->state != SLOT_READY || slot->preparing || slot->collector != 0)
        return; /* it died meanwhile, and the client is told so */
    const struct config_environment *config = slot->environment->config;
    const uint64_t memory = lower(prepare->memory, config->limit_memory);
    const uint64_t processes = lower(prepare->processes, config->limit_processes);
    const uint64_t workspace = lower(prepare->workspace, config->limit_workspace);
    struct error err;
    if (memory > 0)
        slot->memory_limit = memory;
    slot->lowered |= memory > 0 || processes > 0;
    if ((memory > 0 || processes > 0) && cgroup_lower(&slot->cgroup, memory, (uint32_t)processes, &err) != 0) {
        log_event(LOG_WARN, "limits.failed", LOG_I("slot", slot->index), LOG_S("error", err.text));
        refuse(broker, slot, err.code == EBUSY ? RUN_MEMORY_LIMIT : RUN_FAILED);
    } else if (workspace == 0 && prepare->collect == 0) {
        slot->prepared_unsent = true;
        client_flush(broker);
    } else if (collector_start(broker, slot, workspace, prepare->collect != 0) == 0) {
        slot->preparing = true;
        slot->deadline = now_ns() + PREPARING_DEADLINE_NS;
    } else {
        log_event(LOG_ERROR, "collector.failed", LOG_I("slot", slot->index), LOG_S("error", strerror(errno)));
        refuse(broker, slot, RUN_FAILED);
    }
}

void slot_collector_event(struct broker *broker, struct slot *slot)
{
    const bool collects = slot->collects;
    const enum collector_news news = collector_says(slot);
    if (slot->state == SLOT_READY && slot->preparing) {
        if (news == (collects ? COLLECTOR_READY : COLLECTOR_DONE)) {
            slot->preparing = false;
            slot->deadline = 0;
            slot->prepared_unsent = true;
            client_flush(broker);
        } else if (news != COLLECTOR_NOTHING) {
            refuse(broker, slot, RUN_FAILED);
        }
    }
    if (slot->state == SLOT_DYING && slot->collector == 0 && slot->init == 0)
        slot_init_ended(broker, slot);
}

void slot_start(struct broker *broker, const struct message_run_start *start)
{
    const struct config *config = broker->config;
    struct slot *slot = slot_named(broker, &start->head);
    if (slot == NULL || slot->state != SLOT_READY)
        return; /* it died before it was started: that it is gone the client has been told, or will be */
    const uint64_t most = (uint64_t)(config->max_timeout * 1e9);
    const uint64_t cpu_limit = (uint64_t)(slot->environment->config->limit_cpu_time * 1e9), cpu_most = cpu_limit > 0 ? cpu_limit : CPU_TIME_MOST_NS;
    slot->timeout_ns = start->timeout_ns > 0 && start->timeout_ns < most ? start->timeout_ns : most;
    slot->cpu_time_ns = start->cpu_time_ns;
    if (slot->cpu_time_ns > cpu_most || (slot->cpu_time_ns == 0 && cpu_limit > 0))
        slot->cpu_time_ns = cpu_most;
    const uint64_t now = now_ns();
    slot->started = true;
    slot->started_at = start->sent_ns < slot->ready_at ? slot->ready_at : start->sent_ns > now ? now : start->sent_ns;
    slot->state = SLOT_RUNNING;
    slot->deadline = slot->started_at + slot->timeout_ns;
    if (slot->cpu_time_ns > 0)
        slot_deadline(broker, slot, now);
    sets_run_started(broker, slot, start->modules, now);
}

/* Asks the program where it is. The moment is its own to tell; what it does with it changes nothing. */
static bool ask_last_words(struct slot *slot)
{
    struct cgroup_usage usage = slot->before;
    if (slot->program_pidfd < 0 || !process_may_handle(slot->program, DUMP_SIGNAL) ||
        syscall(SYS_pidfd_send_signal, slot->program_pidfd, DUMP_SIGNAL, NULL, 0) != 0)
        return false;
    cgroup_read_cpu(&slot->cgroup, &usage);
    slot->cpu_at_end_ns = usage.cpu_ns;
    return true;
}

/* Whether it may be that who is to do something yet, tell its last words or end, has just not had a core since. */
static bool may_lack_a_core(const struct slot *slot, uint64_t now)
{
    struct cgroup_usage usage;
    return now - slot->ended_at < LAST_MOST_NS && cgroup_read_cpu(&slot->cgroup, &usage) == 0 &&
           usage.cpu_ns - slot->cpu_at_end_ns < LAST_CPU_NS;
}

static void end_run(struct broker *broker, struct slot *slot, enum run_outcome reason)
{
    if (slot->state != SLOT_RUNNING || slot->kill_reason != 0)
        return;
    slot->kill_reason = reason;
    slot->ended_at = now_ns();
    slot->last_words = (reason == RUN_TIMEOUT || reason == RUN_CPU_LIMIT) && ask_last_words(slot);
    slot->deadline = slot->ended_at + (slot->last_words ? LAST_WORDS_NS : DYING_DEADLINE_NS);
    if (!slot->last_words)
        slot_kill_all(slot);
}

void slot_kill_run(struct broker *broker, const struct message_run_kill *kill)
{
    struct slot *slot = slot_named(broker, &kill->head);
    if (slot == NULL)
        return; /* it has ended meanwhile */
    if (slot->state == SLOT_READY) {
        slot->gone = slot->ready_unsent ? 0 : slot->generation;
        slot_abandon(broker, slot);
        client_flush(broker);
    } else {
        end_run(broker, slot, kill->reason == KILL_OUTPUT_LIMIT ? RUN_OUTPUT_LIMIT : RUN_CANCELLED);
        if (slot->state == SLOT_DYING) /* nobody wants its files */
            collector_kill(slot);
    }
}

/* The event comes when memory has run out, just before the kernel looks for whom to kill, or finds some after all. */
void slot_out_of_memory(struct broker *broker, struct slot *slot)
{
    uint64_t count;
    if (read(slot->cgroup.oom_event, &count, sizeof count) != (ssize_t)sizeof count || slot->state != SLOT_RUNNING ||
        slot->kill_reason != 0)
        return;
    slot->oom_checks = OOM_CHECKS;
    slot->deadline = now_ns() + OOM_CHECK_NS;
}

static void recycle(struct broker *broker, struct slot *slot);

/* Not to be used as long as something of it is left, which is looked at now and then. */
static void quarantine(struct slot *slot, const char *why)
{
    log_event(LOG_ERROR, "sandbox.quarantined", LOG_I("slot", slot->index), LOG_S("error", why));
    slot->state = SLOT_QUARANTINED;
    slot->deadline = now_ns() + QUARANTINE_NS;
}

/* What the kernel held (a dead disk, a frozen group) has gone after all? */
static void end_quarantine(struct broker *broker, struct slot *slot)
{
    bury(slot);
    if (slot->init != 0 || slot->program != 0 || slot->collector != 0 || slot->nest_pending || slot->fork_pending ||
        cgroup_population(&slot->cgroup) != 0) {
        slot->deadline = now_ns() + QUARANTINE_NS;
        return;
    }
    log_event(LOG_INFO, "sandbox.recovered", LOG_I("slot", slot->index));
    recycle(broker, slot);
}

void slot_deadline(struct broker *broker, struct slot *slot, uint64_t now)
{
    struct cgroup_usage usage;
    if (slot->state == SLOT_RUNNING && slot->kill_reason == 0) {
        const uint64_t wall_deadline = slot->started_at + slot->timeout_ns;
        if (now >= wall_deadline) {
            end_run(broker, slot, RUN_TIMEOUT);
        } else if (slot->oom_checks > 0 && cgroup_oom_kills(&slot->cgroup) > 0) {
            end_run(broker, slot, RUN_MEMORY_LIMIT);
        } else if (slot->oom_checks > 0) {
            slot->oom_checks--;
            slot->deadline = slot->oom_checks > 0 ? now + OOM_CHECK_NS : wall_deadline;
        } else if (slot->cpu_time_ns > 0 && cgroup_read_cpu(&slot->cgroup, &usage) == 0) {
            /* The earliest moment at which the processor time can be used up. */
            uint64_t used = usage.cpu_ns - slot->before.cpu_ns;
            if (used >= slot->cpu_time_ns) {
                end_run(broker, slot, RUN_CPU_LIMIT);
                return;
            }
            const double limit_cpus = slot->environment->config->limit_cpus;
            uint64_t left = (uint64_t)((double)(slot->cpu_time_ns - used) / (limit_cpus > 1 ? limit_cpus : 1));
            slot->deadline = now + (left > CPU_POLL_MIN_NS ? left : CPU_POLL_MIN_NS);
            if (slot->deadline > wall_deadline)
                slot->deadline = wall_deadline;
        }
        return;
    }
    if (slot->state == SLOT_RUNNING && slot->last_words && may_lack_a_core(slot, now)) {
        slot->deadline = now + LAST_WORDS_NS;
    } else if (slot->state == SLOT_RUNNING && slot->last_words) {
        slot->last_words = false;
        slot->deadline = now + DYING_DEADLINE_NS;
        slot_kill_all(slot);
    } else if (slot->state == SLOT_READY && slot->preparing) {
        refuse(broker, slot, RUN_FAILED);
    } else if (slot->state == SLOT_DYING && slot->collector != 0 && slot->init == 0) {
        log_event(LOG_WARN, "collector.late", LOG_I("slot", slot->index));
        slot->deadline = now + DYING_DEADLINE_NS;
        collector_kill(slot);
    } else if (slot->state == SLOT_FORKING && slot->program == 0 && slot->set != SET_PLAIN) {
        sets_broke(broker, slot->environment, slot->set, "it did not fork in time");
        slot_abandon(broker, slot);
    } else if (slot->state == SLOT_NESTING || (slot->state == SLOT_FORKING && slot->program == 0)) {
        environment_lose(broker, slot->environment, "it did not make a sandbox in time");
    } else if (slot->state == SLOT_FORKING) {
        slot_make_failed(broker, slot, ETIMEDOUT, "the program did not become ready in time");
        slot_abandon(broker, slot);
    } else if (slot->state == SLOT_DYING && !slot->nest_spent) {
        bury(slot);
        if (cgroup_population(&slot->cgroup) == 0) {
            recycle(broker, slot);
        } else if (may_lack_a_core(slot, now)) {
            slot->deadline = now + LAST_BREATH_NS;
        } else {
            slot->deadline = now + DYING_DEADLINE_NS;
            slot_kill_all(slot);
        }
    } else if (slot->state == SLOT_DYING || slot->state == SLOT_RUNNING) {
        /* SIGKILL was sent and something still lives: the kernel holds it. Not ours to wait for. */
        if (slot->started && !slot->verdict_unsent) {
            slot->verdict = (struct message_run_ended){.head = head_of(slot, MESSAGE_RUN_ENDED), .outcome = RUN_FAILED};
            slot->verdict_unsent = true;
            slot->started = false;
        }
        slot_close_ends(slot);
        quarantine(slot, "its processes do not die");
        client_flush(broker);
    } else if (slot->state == SLOT_QUARANTINED) {
        end_quarantine(broker, slot);
    }
}

void slots_excuse(struct broker *broker, uint64_t ns)
{
    for (uint32_t i = 0; i < broker->slot_count; i++) {
        struct slot *slot = &broker->slots[i];
        if (slot->deadline != 0 && (slot->state != SLOT_RUNNING || slot->kill_reason != 0)) /* a run's time is its client's */
            slot->deadline += ns;
    }
}

/* --- the end ---------------------------------------------------------------------------------------------------- */

/* The exact processor time since `before`, split as the kernel's user and system counters moved. */
static void split_cpu(const struct cgroup_usage *before, const struct cgroup_usage *now, struct message_run_ended *verdict)
{
    const uint64_t total = now->cpu_ns - before->cpu_ns;
    const uint64_t user = now->cpu_user_ns - before->cpu_user_ns, system = now->cpu_system_ns - before->cpu_system_ns;
    const double share = user + system > 0 ? (double)user / (double)(user + system) : 1;
    verdict->cpu_user_ns = (uint64_t)((double)total * share);
    verdict->cpu_system_ns = total - verdict->cpu_user_ns;
}

/* How a program dies that touched memory as it should not; SIGABRT is how libc ends one whose heap is not sound. */
static bool is_memory_fault(int signal)
{
    return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGABRT;
}

static void judge(struct broker *broker, struct slot *slot)
{
    struct cgroup_usage usage = slot->before;
    struct message_run_ended *v = &slot->verdict;
    bool counted = cgroup_read(&slot->cgroup, &usage) == 0;

    *v = (struct message_run_ended){.head = head_of(slot, MESSAGE_RUN_ENDED),
                                    .wall_ns = slot->ended_at - slot->started_at,
                                    .memory_peak = usage.memory_peak,
                                    .memory_limit = slot->memory_limit,
                                    .processes_peak = usage.processes_peak};
    split_cpu(&slot->before, &usage, v);
    slot->cpu_at_end_ns = usage.cpu_ns;
    if (usage.processes_refused > slot->before.processes_refused)
        v->limits_hit |= LIMIT_HIT_PROCESSES;
    if (!counted)
        v->outcome = RUN_FAILED;
    else if (usage.oom_kills > slot->before.oom_kills)
        v->outcome = RUN_MEMORY_LIMIT;
    else if (slot->kill_reason != 0)
        v->outcome = slot->kill_reason;
    else if (WIFSIGNALED(slot->wait_status))
        v->outcome = RUN_SIGNALED, v->signal = WTERMSIG(slot->wait_status);
    else
        v->outcome = RUN_EXITED, v->exit_code = WEXITSTATUS(slot->wait_status);
    if (usage.memory_refused > slot->before.memory_refused && v->outcome != RUN_MEMORY_LIMIT)
        v->limits_hit |= LIMIT_HIT_MEMORY;
    if (v->outcome == RUN_SIGNALED && is_memory_fault(v->signal))
        sets_run_faulted(slot->environment, slot->set, slot->ended_at);
    slot->started = false;
    slot->verdict_unsent = true;
    client_flush(broker);
}

/* Nothing of the run is left: the slot is free for another. */
static void release(struct slot *slot)
{
    slot_close_ends(slot);
    slot->deadline = 0;
    slot->ready_unsent = slot->unwanted_unsent = false;
    if (cgroup_population(&slot->cgroup) != 0) {
        quarantine(slot, "its cgroup is not empty");
        return;
    }
    if (slot->lowered || !cgroup_rearm(&slot->cgroup)) {
        if (cgroup_destroy(&slot->cgroup) != 0)
            log_event(LOG_WARN, "cgroup.stays", LOG_I("slot", slot->index), LOG_S("error", strerror(errno)));
        slot->has_cgroup = slot->lowered = false;
    }
    slot->state = SLOT_FREE;
}

static void recycle(struct broker *broker, struct slot *slot)
{
    release(slot);
    supply_fill(broker, slot->environment);
}

void slots_reclaim(struct environment *env)
{
    for (uint32_t i = 0; i < env->slot_count; i++) {
        struct slot *slot = &env->slots[i];
        if (slot->state != SLOT_DYING || slot->nest_spent)
            continue;
        bury(slot);
        if (cgroup_population(&slot->cgroup) == 0)
            release(slot);
    }
}

void slot_program_ended(struct broker *broker, struct slot *slot)
{
    siginfo_t info = {0};
    if (slot->program == 0 || waitid(P_PID, (id_t)slot->program, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) != 0 ||
        info.si_pid != slot->program)
        return;
    slot->wait_status = info.si_code == CLD_EXITED ? W_EXITCODE(info.si_status, 0) : W_EXITCODE(0, info.si_status);
    close_fd(&slot->program_pidfd); /* leaves epoll with it: nobody else has this descriptor */
    slot->ended = slot->program;
    slot->program = 0;
    slot->program_over = true;
    if (slot->state != SLOT_RUNNING)
        bury(slot);

    if (slot->state == SLOT_READY) /* the start may be on its way: the client sends it before the job */
        client_readable(broker);
    if (slot->state == SLOT_FORKING) {
        slot_program_says(broker, slot); /* it may have said why */
        if (slot->state == SLOT_FORKING)
            slot_abandon(broker, slot);
    } else if (slot->state == SLOT_READY) {
        if (!slot->ready_unsent)
            slot->gone = slot->generation;
        slot_abandon(broker, slot);
        client_flush(broker);
    } else if (slot->state == SLOT_RUNNING) {
        if (slot->ended_at == 0)
            slot->ended_at = now_ns();
        slot->state = SLOT_DYING;
        /* Only our own are left, and the program, which is counted until it is reaped: nothing can write to the pipes any
         * more, so the answer need not wait for the holder's end, and then the nest is as it was made. */
        const bool alone = cgroup_population(&slot->cgroup) <= CGROUP_OWN_PROCESSES + 1;
        const bool keep = alone && !slot->nest_spent && !slot->collects; /* files are wanted when all is dead, not before */
        slot->deadline = now_ns() + (keep ? LAST_BREATH_NS : DYING_DEADLINE_NS);
        if (alone && !slot->collects)
            judge(broker, slot);
        if (!keep)
            slot_kill_all(slot);
        supply_run_ended(slot->environment, now_ns());
    }
    if (slot->init == 0 && slot->state == SLOT_DYING)
        slot_init_ended(broker, slot);
}

/* The init's end is the end of its pid namespace: nothing lives in it any more. */
void slot_init_ended(struct broker *broker, struct slot *slot)
{
    if (slot->init != 0) {
        if (waitpid(slot->init, NULL, WNOHANG | __WALL) != slot->init)
            return;
        close_fd(&slot->init_pidfd);
        slot->init = 0;
        if (slot->state == SLOT_NESTING || slot->state == SLOT_FORKING)
            slot_abandon(broker, slot);
    }
    if (slot->program != 0 || slot->nest_pending || slot->fork_pending)
        return; /* its own event comes, or its maker's answer */
    if (slot->state == SLOT_DYING) {
        const bool wanted = slot->started;
        if (wanted)
            judge(broker, slot);
        if (slot->collector != 0) { /* its end brings us here again */
            if (wanted && collector_go(slot)) {
                slot->collecting = true;
                slot->deadline = now_ns() + COLLECTING_DEADLINE_NS;
            } else if (!slot->collecting) {
                collector_kill(slot);
            }
            return;
        }
        recycle(broker, slot);
    }
}

void slot_abandon(struct broker *broker, struct slot *slot)
{
    if (slot->state == SLOT_RUNNING) {
        slot->started = false; /* nobody waits for the verdict */
        end_run(broker, slot, RUN_CANCELLED);
        return;
    }
    if (slot->state != SLOT_NESTING && slot->state != SLOT_FORKING && slot->state != SLOT_READY)
        return;
    slot->ready_unsent = false;
    slot->deadline = now_ns() + DYING_DEADLINE_NS;
    slot_close_ends(slot);
    slot_kill_all(slot);
    slot->state = SLOT_DYING;
    if (slot->init == 0)
        slot_init_ended(broker, slot);
}

void slot_unwanted(struct slot *slot)
{
    slot->unwanted = slot->unwanted_unsent = true;
}

void slots_forget_makers(struct broker *broker, struct environment *env)
{
    for (uint32_t i = 0; i < env->slot_count; i++) {
        struct slot *slot = &env->slots[i];
        const bool nest_kept = !slot->nest_spent;
        slot->nest_pending = slot->fork_pending = false;
        slot->nest_spent = true; /* nobody can enter it any more */
        if (slot->state == SLOT_FREE) {
            process_end(&slot->init, &slot->init_pidfd);
        } else if (slot->state == SLOT_NESTING || slot->state == SLOT_FORKING) {
            slot_abandon(broker, slot);
        } else if (slot->state == SLOT_DYING && slot->init == 0) {
            slot_init_ended(broker, slot); /* it waited for an answer that nobody gives any more */
        } else if (slot->state == SLOT_DYING && nest_kept) {
            slot->deadline = now_ns() + DYING_DEADLINE_NS;
            slot_kill_all(slot);
        }
    }
}

void slot_destroy(struct broker *broker, struct slot *slot)
{
    slot_kill_all(slot);
    collector_end(slot);
    process_end(&slot->program, &slot->program_pidfd);
    process_end(&slot->init, &slot->init_pidfd);
    slot_close_ends(slot);
    if (slot->has_cgroup)
        cgroup_destroy(&slot->cgroup);
    slot->has_cgroup = false;
}
