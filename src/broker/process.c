/* process.c: see process.h. */
#include "broker/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int process_output(char *const argv[], char *text, size_t size, struct error *err)
{
    int out[2], status;
    if (pipe2(out, O_CLOEXEC) != 0)
        return error_set(err, errno, "pipe");
    pid_t pid = fork();
    if (pid == 0) {
        char *envp[] = {NULL};
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (dup2(out[1], 1) < 0)
            _exit(127);
        execve(argv[0], argv, envp);
        _exit(127);
    }
    close(out[1]);
    size_t have = 0;
    for (ssize_t n = 1; pid > 0 && n > 0 && have < size - 1; have += n > 0 ? (size_t)n : 0)
        n = read(out[0], text + have, size - 1 - have);
    text[have] = '\0';
    close(out[0]);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return error_set(err, errno, "cannot run %s", argv[0]);
    if (status != 0) {
        char how[64];
        process_describe(status, how, sizeof how);
        return error_set(err, 0, "it %s", how);
    }
    return 0;
}

void process_end(pid_t *pid, int *pidfd)
{
    if (*pid > 0) {
        kill(*pid, SIGKILL); /* not reaped yet, so the number is still its own */
        while (waitpid(*pid, NULL, __WALL) < 0 && errno == EINTR)
            ;
    }
    if (*pidfd >= 0)
        close(*pidfd);
    *pid = 0;
    *pidfd = -1;
}

void process_describe(int wait_status, char *text, size_t size)
{
    if (WIFSIGNALED(wait_status))
        snprintf(text, size, "was killed by SIG%s", sigabbrev_np(WTERMSIG(wait_status)));
    else
        snprintf(text, size, "exited with status %d", WEXITSTATUS(wait_status));
}

int process_describe_ended(pid_t pid, char *text, size_t size)
{
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) != 0 || info.si_pid != pid) {
        snprintf(text, size, "did not answer");
        return -1;
    }
    bool exited = info.si_code == CLD_EXITED;
    process_describe(exited ? info.si_status << 8 : info.si_status, text, size);
    return exited ? info.si_status : 1;
}
