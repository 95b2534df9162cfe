/* run.c: broker_run(): the broker with a pool of one and the runner as its client. */
#include "broker/broker.h"
#include "broker/core.h"
#include "runner/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int start_runner(struct broker *broker, struct error *err)
{
    int channel[2];
    if (channel_pair(channel, 0) != 0)
        return error_set(err, errno, "socketpair");
    pid_t pid = fork();
    if (pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(channel[0]);
        _exit(runner_main(broker->config, channel[1], broker->client_data));
    }
    close(channel[1]);
    broker->client = pid > 0 ? pid : 0;
    broker->client_channel = channel[0];
    broker->client_pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (broker->client_pidfd < 0 || fcntl(channel[0], F_SETFL, O_NONBLOCK) != 0 ||
        broker_watch(broker, broker->client_pidfd, EPOLLIN, WATCH_CLIENT_PID, NULL) != 0 ||
        broker_watch(broker, broker->client_channel, EPOLLIN, WATCH_CLIENT, NULL) != 0)
        return error_set(err, errno, "cannot start the runner");
    supply_fill_all(broker);
    return 0;
}

int broker_run(const struct config *config, const struct run_request *request, struct error *err)
{
    struct config one = *config; /* borrows the strings */
    one.environments[0] = config->environments[request->request.environment];
    one.environment_count = 1;
    one.environments[0].pool = one.environments[0].pool_max = one.concurrency = 1;
    struct broker broker = {.config = &one, .client_start = start_runner, .client_data = (void *)request, .listen_fd = -1, .keys = -1, .control = -1};
    return broker_main(&broker, err);
}
