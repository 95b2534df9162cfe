/* init.c: pid 1 of a nest. It mounts /proc, then gives up everything and sleeps: its only jobs are to hold the
 * namespaces, to reap orphans (the kernel does it: SIGCHLD is ignored) and to take the whole tree with it when
 * the broker kills it. It runs as an id of its own, not dumpable, so that the program cannot reach it. */
#include "incubator/nest.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int report_fd;

static _Noreturn void fail(const char *what)
{
    struct nest_failure failure = {.error = errno};
    strncpy(failure.what, what, sizeof failure.what - 1);
    if (write(report_fd, &failure, sizeof failure) < 0)
        _exit(121);
    _exit(120);
}

static void mount_proc(const struct nest_settings *settings)
{
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    int r = settings->proc ? mount("proc", "/proc", "proc", flags, "subset=pid,hidepid=invisible")
                           : mount("tmpfs", "/proc", "tmpfs", flags | MS_RDONLY, "size=4k,nr_inodes=1,mode=0555");
    if (r != 0) /* in any case the one of the host must be covered */
        fail("/proc");
}

static void give_up(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2];
    /* Sleeping and dying is all that is left. */
    struct sock_filter sleep_only[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_pause
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pause, 3, 0),
#else
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ppoll, 3, 0),
#endif
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ppoll, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof sleep_only / sizeof sleep_only[0], .filter = sleep_only};

    memset(none, 0, sizeof none);
    for (unsigned long cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++)
        ;
    if (syscall(SYS_capset, &head, none) != 0)
        fail("init capabilities");
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        fail("init parent death signal");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        fail("init no_new_privs");
    if (write(report_fd, "", 1) != 1)
        _exit(121);
    if (syscall(SYS_close_range, 0, ~0U, 0) != 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
        _exit(121);
}

_Noreturn void init_main(const struct nest_settings *settings, int barrier, int report)
{
    char byte;
    report_fd = report;
    /* Nothing before this: the ids are not mapped yet. The end of the pipe means that the incubator died. */
    if (read(barrier, &byte, 1) != 1)
        _exit(120);
    /* Not inherited: for the rest of its life. The broker is outside of this pid namespace, getppid() is 0. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        fail("parent death signal");
    if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0)
        fail("init identity");
    if (prctl(PR_SET_DUMPABLE, 0) != 0)
        fail("init dumpable");
    if (setsid() < 0)
        fail("session");
    signal(SIGCHLD, SIG_IGN);
    if (sethostname("sandbox", 7) != 0 || setdomainname("", 0) != 0)
        fail("host name");
    mount_proc(settings);
    prctl(PR_SET_NAME, "init");
    give_up();
    for (;;)
        pause();
}
