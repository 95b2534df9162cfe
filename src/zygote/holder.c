/* holder.c: a process that shares the program's memory and does nothing, so that the program's end does not have to free
 * it. Freeing some thousand pages takes the kernel longer than running a small program, and it does so before it tells
 * the parent: with the memory held by somebody else the verdict comes at once, and the memory goes when the sandbox
 * is destroyed, while nobody waits.
 *
 * It is made after the seal, so it is sealed as the program is: a program that takes it over, through the memory that
 * they share, has gained a process like any it can fork. Its exit signal is not SIGCHLD, so wait() does not see it. */
#include "zygote/zygote.h"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STACK_BYTES = 4096 };

/* Shares the thread-local storage of the program's main thread: nothing here may set errno, so nothing may fail. */
static int holder_main(void *unused)
{
    syscall(SYS_close_range, 1, ~0U, 0); /* /dev/null stays: see enter_nest() */
    for (;;)
        syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0); /* every signal is blocked: it never returns */
    return 0;
}

int holder_start(void)
{
    static _Alignas(64) char stack[STACK_BYTES];
    sigset_t all, before;
    sigfillset(&all);
    if (sigprocmask(SIG_SETMASK, &all, &before) != 0)
        return -1;
    int pid = clone(holder_main, stack + sizeof stack, CLONE_VM, NULL);
    if (sigprocmask(SIG_SETMASK, &before, NULL) != 0)
        return -1;
    return pid > 0 ? 0 : -1;
}
