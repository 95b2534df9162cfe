/* container_init.c: see container_init.h. It runs nothing and reads nothing; orphans are what `docker exec` leaves: those of a
 * sandbox are reaped in its own pid namespace. */
#include "broker/container_init.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void be_init(pid_t service, const sigset_t *all)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};

    prctl(PR_SET_NAME, "hatchery-init");
    if (syscall(SYS_capset, &head, none) != 0)
        _exit(1);
    for (;;) {
        int status, number = sigwaitinfo(all, NULL);
        if (number != SIGCHLD) {
            if (number > 0)
                kill(service, number);
            continue;
        }
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
            if (pid == service)
                _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
}

int container_init(struct error *err)
{
    sigset_t all, before;
    if (getpid() != 1)
        return 0;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid < 0)
        return error_set(err, errno, "fork");
    if (pid > 0)
        be_init(pid, &all);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return 0;
}
