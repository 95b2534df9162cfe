/* process.c: see process.h. */
#include "broker/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
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

/* The number behind `name` in the text of /proc/PID/status; 0 where there is none. */
static unsigned long long status_field(const char *text, const char *name, int base)
{
    const char *at = strstr(text, name);
    return at != NULL ? strtoull(at + strlen(name), NULL, base) : 0;
}

bool process_may_handle(pid_t pid, int signal)
{
    enum { HEXADECIMAL = 16, DECIMAL = 10 };
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    const unsigned long long bit = 1ULL << (signal - 1);
    const bool stopped = strstr(text, "\nState:\tT") != NULL, alone = status_field(text, "\nThreads:\t", DECIMAL) <= 1;
    return !stopped && (status_field(text, "\nSigIgn:\t", HEXADECIMAL) & bit) == 0 &&
           (!alone || (status_field(text, "\nSigBlk:\t", HEXADECIMAL) & bit) == 0);
}

char process_state(pid_t pid, uint64_t *cpu_ms)
{
    char path[64], text[1024], state = 0;
    unsigned long long user, system;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *behind_name = strrchr(text, ')');
    if (behind_name == NULL || sscanf(behind_name + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &state, &user, &system) != 3)
        return 0;
    *cpu_ms = (user + system) * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK);
    return state;
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
