/* nest.c: clones the init into new namespaces, maps its ids, waits until it is sealed. Runs in the incubator, which
 * is root in the environment's user namespace and nobody outside.
 *
 * Each sandbox gets two ids that no other live sandbox has: one for its init, one for its program. */
#include "incubator/nest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROGRAM_UID = 1000 };

static int write_file(const char *path, const char *text, size_t size)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = write(fd, text, size);
    int saved = errno;
    close(fd);
    errno = saved;
    return n == (ssize_t)size ? 0 : -1;
}

/* `pid` is a clone that waits at its barrier and that nobody reaps meanwhile, so its number is its own. */
static int map_ids(pid_t pid, uint32_t index)
{
    char path[64], map[64];
    int n = snprintf(map, sizeof map, "0 %u 1\n%u %u 1\n", 1 + 2 * index, (unsigned)PROGRAM_UID, 2 + 2 * index);
    snprintf(path, sizeof path, "/proc/%d/setgroups", (int)pid);
    if (write_file(path, "deny", 4) != 0)
        return -1;
    snprintf(path, sizeof path, "/proc/%d/gid_map", (int)pid);
    if (write_file(path, map, (size_t)n) != 0)
        return -1;
    snprintf(path, sizeof path, "/proc/%d/uid_map", (int)pid);
    return write_file(path, map, (size_t)n);
}

int nest_make(const struct nest_settings *settings, int netns, uint32_t index, const char **what)
{
    int barrier[2], report[2], pidfd = -1;
    struct nest_failure failure = {.error = EIO};

    *what = "network namespace";
    if (setns(netns, CLONE_NEWNET) != 0)
        return -1;
    *what = "pipe";
    if (pipe2(barrier, O_CLOEXEC) != 0)
        return -1;
    if (pipe2(report, O_CLOEXEC) != 0) {
        close(barrier[0]);
        close(barrier[1]);
        return -1;
    }
    *what = "clone";
    struct clone_args args = {
        .flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_PARENT | CLONE_PIDFD,
        .pidfd = (uintptr_t)&pidfd,
    };
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) {
        close(barrier[1]);
        close(report[0]);
        init_main(settings, barrier[0], report[1]);
    }
    int error = errno;
    close(barrier[0]);
    close(report[1]);
    if (pid > 0) {
        *what = "id maps";
        ssize_t n = -1;
        if (map_ids(pid, index) == 0 && write(barrier[1], "", 1) == 1) {
            n = read(report[0], &failure, sizeof failure);
            *what = "init";
            errno = EIO;
            if (n == (ssize_t)sizeof failure) {
                static char step[sizeof failure.what];
                memcpy(step, failure.what, sizeof step);
                step[sizeof step - 1] = '\0';
                *what = step;
                errno = failure.error;
            }
        }
        error = errno;
        if (n != 1) { /* not sealed: the broker reaps what is left of it */
            syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
            pid = -1;
        }
        close(pidfd);
    }
    close(barrier[1]);
    close(report[0]);
    errno = error;
    return pid;
}
