/* collector.c: a run that wants less room, or its files back, has a collector (src/collector): a process of ours in the run's
 * mount namespace. The broker starts it while trusted code waits in the sandbox, lets it go when every process of the run
 * is dead, and never looks at what it says to the client. */
#include "broker/core.h"
#include "broker/process.h"
#include "collector/collector.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void exec_collector(const struct slot *slot, uint64_t workspace, uint64_t limit, int control, int client)
{
    enum { HIGH = 128 };
    char room[24], most[24];
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    /* Who starts the service may be in groups: an engine puts root into root's. In the sandbox's namespace they cannot be left any more;
     * the collector refuses to work with one. */
    if (setgroups(0, NULL) != 0 && errno != EPERM)
        _exit(121);
    const int binary = fcntl(slot->environment->plan.collector_binary, F_DUPFD_CLOEXEC, HIGH);
    const int program = fcntl(slot->program_pidfd, F_DUPFD_CLOEXEC, HIGH);
    const int high_control = fcntl(control, F_DUPFD_CLOEXEC, HIGH), high_client = fcntl(client, F_DUPFD_CLOEXEC, HIGH);
    if (binary < 0 || dup2(program, COLLECTOR_PROGRAM) < 0 || dup2(high_control, COLLECTOR_CONTROL) < 0 ||
        dup2(high_client, COLLECTOR_CLIENT) < 0)
        _exit(121);
    syscall(SYS_close_range, COLLECTOR_CLIENT + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    snprintf(room, sizeof room, "%llu", (unsigned long long)workspace);
    snprintf(most, sizeof most, "%llu", (unsigned long long)limit);
    char *argv[] = {"hatchery-collector", room, most, NULL}, *envp[] = {NULL};
    syscall(SYS_execveat, binary, "", argv, envp, AT_EMPTY_PATH);
    _exit(121);
}

int collector_start(struct broker *broker, struct slot *slot, uint64_t workspace, bool collect)
{
    int control[2] = {-1, -1}, client[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) != 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, client) != 0)
        goto fail;
    slot->collector = fork();
    if (slot->collector == 0)
        exec_collector(slot, workspace, collect ? (uint64_t)broker->config->limit_collect : 0, control[1], client[1]);
    if (slot->collector < 0) {
        slot->collector = 0;
        goto fail;
    }
    slot->collects = collect;
    slot->collector_control = control[0];
    slot->collector_client = client[0];
    close(control[1]);
    close(client[1]);
    slot->collector_pidfd = (int)syscall(SYS_pidfd_open, slot->collector, 0);
    if (slot->collector_pidfd < 0 || fcntl(control[0], F_SETFL, O_NONBLOCK) != 0 || fcntl(client[0], F_SETFL, O_NONBLOCK) != 0 ||
        broker_watch(broker, slot->collector_pidfd, EPOLLIN, WATCH_SLOT_COLLECTOR, slot) != 0 ||
        broker_watch(broker, control[0], EPOLLIN, WATCH_SLOT_COLLECTOR, slot) != 0) {
        const int saved = errno;
        collector_end(slot);
        errno = saved;
        return -1;
    }
    return 0;
fail:
    for (int i = 0; i < 2; i++) {
        if (control[i] >= 0)
            close(control[i]);
        if (client[i] >= 0)
            close(client[i]);
    }
    return -1;
}

enum collector_news collector_says(struct slot *slot)
{
    struct program_status status;
    if (slot->preparing && slot->collector_control >= 0) {
        const ssize_t n = recv(slot->collector_control, &status, sizeof status, MSG_DONTWAIT);
        if (n == (ssize_t)sizeof status && status.magic == JOB_MAGIC && status.error == 0)
            return COLLECTOR_READY;
        if (n == (ssize_t)sizeof status && status.magic == JOB_MAGIC) {
            status.what[sizeof status.what - 1] = '\0';
            log_event(LOG_ERROR, "collector.failed", LOG_I("slot", slot->index), LOG_S("step", status.what),
                      LOG_S("error", strerror(status.error)));
        }
    }
    int how;
    if (waitpid(slot->collector, &how, WNOHANG | __WALL) != slot->collector)
        return COLLECTOR_NOTHING;
    slot->collector = 0;
    collector_end(slot);
    return how == 0 ? COLLECTOR_DONE : COLLECTOR_FAILED;
}

bool collector_go(const struct slot *slot)
{
    return slot->collects && slot->collector_control >= 0 && send(slot->collector_control, "", 1, MSG_NOSIGNAL) == 1;
}

void collector_kill(const struct slot *slot)
{
    if (slot->collector_pidfd >= 0)
        syscall(SYS_pidfd_send_signal, slot->collector_pidfd, SIGKILL, NULL, 0);
}

void collector_end(struct slot *slot)
{
    process_end(&slot->collector, &slot->collector_pidfd);
    if (slot->collector_control >= 0)
        close(slot->collector_control);
    if (slot->collector_client >= 0)
        close(slot->collector_client);
    slot->collector_control = slot->collector_client = -1;
    slot->collects = false;
}
