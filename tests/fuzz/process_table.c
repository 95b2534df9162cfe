/* process_table.c: see process_table.h. */
#include "process_table.h"

#include "descriptors.h"
#include "fuzz.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct child children[CHILDREN_MAX];
size_t child_count;
uint64_t clock_ns;

uint64_t __wrap_now_ns(void);

uint64_t __wrap_now_ns(void)
{
    return clock_ns += 1000;
}

struct child *child_of(pid_t pid)
{
    const long index = (long)pid - CHILD_FIRST;
    return index >= 0 && index < (long)child_count && children[index].there ? &children[index] : NULL;
}

pid_t child_new(void)
{
    if (child_count == CHILDREN_MAX)
        return -1;
    children[child_count] = (struct child){.there = true};
    return CHILD_FIRST + (pid_t)child_count++;
}

void child_die(struct child *child, int status)
{
    if (child->dead)
        return;
    child->dead = true;
    child->status = status;
}

int child_pidfd(struct child *child)
{
    return descriptor_new_process(child, &child->dead);
}

int __wrap_kill(pid_t pid, int signal);
pid_t __wrap_waitpid(pid_t pid, int *status, int flags);
int __wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int flags);
pid_t __wrap_fork(void);
long __wrap_syscall(long number, ...);

int __wrap_kill(pid_t pid, int signal)
{
    struct child *child = child_of(pid < 0 ? -pid : pid);
    MUST(child != NULL && (pid > 0 || child->dead)); /* a group's number is its own until its leader is reaped */
    if (pid > 0 && (signal == SIGKILL || signal == SIGTERM))
        child_die(child, signal);
    return 0;
}

pid_t __wrap_waitpid(pid_t pid, int *status, int flags)
{
    struct child *child = child_of(pid);
    if (child == NULL) {
        errno = ECHILD;
        return -1;
    }
    MUST(child->dead || (flags & WNOHANG) != 0); /* it does not wait for what may live on */
    if (!child->dead)
        return 0;
    if (status != NULL)
        *status = child->status;
    child->there = false;
    return pid;
}

int __wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int flags)
{
    struct child *child = child_of((pid_t)id);
    MUST(type == P_PID && (flags & (WNOHANG | WNOWAIT)) == (WNOHANG | WNOWAIT));
    if (child == NULL) {
        errno = ECHILD;
        return -1;
    }
    *info = (siginfo_t){0};
    if (child->dead) {
        info->si_pid = (pid_t)id;
        info->si_code = WIFEXITED(child->status) ? CLD_EXITED : CLD_KILLED;
        info->si_status = WIFEXITED(child->status) ? WEXITSTATUS(child->status) : WTERMSIG(child->status);
    }
    return 0;
}

pid_t __wrap_fork(void)
{
    return child_new();
}

long __wrap_syscall(long number, ...)
{
    va_list args;
    va_start(args, number);
    const int first = va_arg(args, int);
    const int signal = number == SYS_pidfd_send_signal ? va_arg(args, int) : 0;
    va_end(args);
    if (number == SYS_gettid)
        return getpid();
    if (number == SYS_pidfd_open) {
        struct child *child = child_of(first);
        MUST(child != NULL);
        return child_pidfd(child);
    }
    MUST(number == SYS_pidfd_send_signal);
    struct child *child = descriptor_process(first);
    MUST(child != NULL);
    if (!child->there) { /* reaped */
        errno = ESRCH;
        return -1;
    }
    if (signal == SIGKILL)
        child_die(child, SIGKILL);
    return 0;
}

FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);

/* /proc has the table: the list of children, and of each whose it is. */
FILE *__wrap_fopen64(const char *path, const char *mode)
{
    static char list[CHILDREN_MAX * 10], status[64];
    int pid, size = 0;
    if (strncmp(path, "/proc/", 6) == 0 && strstr(path, "/children") != NULL)
        for (size_t i = 0; i < child_count; i++)
            size += children[i].there ? snprintf(list + size, sizeof list - (size_t)size, "%zu ", CHILD_FIRST + i) : 0;
    else if (sscanf(path, "/proc/%d/status", &pid) == 1)
        size = snprintf(status, sizeof status, "Name: x\nUid: %u 0\n", FIRST_ID + (pid & 1) * IDS);
    else
        return __real_fopen64(path, mode);
    return size > 0 ? fmemopen(path[6] == 's' ? list : status, (size_t)size, "r") : NULL;
}

char __wrap_process_state(pid_t pid, uint64_t *cpu_ms);

/* By its number: stopped, asleep, or busy all the time. */
char __wrap_process_state(pid_t pid, uint64_t *cpu_ms)
{
    MUST(child_of(pid) != NULL);
    *cpu_ms = pid % 3 == 2 ? clock_ns / MS : 0;
    return "TSR"[pid % 3];
}
