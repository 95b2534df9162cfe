/* seccomp_policy.c: an allow-list. What is not on it answers ENOSYS, so that a newer libc falls back instead of dying;
 * the calls that are well known to need privilege answer EPERM, so that errors read well. Foreign architectures
 * and x32 kill. Arguments that the kernel reads as 32 bits are compared as 32 bits (CVE-2019-7303,
 * CVE-2019-10063: the high half is the attacker's). No rule looks behind a pointer. */
#include "sandbox/seccomp_policy.h"

#include "sandbox/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define LOW32 0xffffffffULL
/* FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME go with any command. */
#define FUTEX_CMD_BITS (LOW32 & ~(uint64_t)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME))

/* All of them are known to libseccomp 2.5, so that every build has the same policy. */
static const char *const allowed[] = {
    /* files */
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "lseek", "close", "close_range",
    "dup", "dup2", "dup3", "pipe", "pipe2", "fsync", "fdatasync", "ftruncate", "truncate", "fallocate", "fadvise64",
    "copy_file_range", "flock", "open", "openat", "stat", "fstat", "lstat", "newfstatat", "statx", "statfs",
    "fstatfs", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents", "getdents64", "getcwd",
    "chdir", "fchdir", "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link",
    "linkat", "symlink", "symlinkat", "chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown",
    "fchownat", "utime", "utimes", "utimensat", "umask", "mknod", "mknodat", "getxattr", "lgetxattr", "fgetxattr",
    "listxattr", "llistxattr", "flistxattr", "setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr",
    "fremovexattr",
    /* memory */
    "munmap", "mprotect", "mremap", "brk", "madvise", "msync", "mlock", "munlock", "mlock2", "membarrier",
    /* processes and threads */
    "fork", "vfork", "execve", "exit", "exit_group", "wait4", "waitid", "set_tid_address", "set_robust_list",
    "get_robust_list", "rseq", "futex_waitv", "arch_prctl",
    "gettid", "getpid", "getppid", "getpgid", "getpgrp", "getsid", "setsid", "setpgid", "kill", "tkill", "tgkill",
    "pidfd_open", "pidfd_send_signal", "restart_syscall",
    /* identity and limits */
    "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups", "capget", "getrlimit",
    "setrlimit", "prlimit64", "getrusage", "times", "getpriority", "setpriority", "sched_yield", "sched_getaffinity",
    "sched_setaffinity", "sched_getparam", "sched_getscheduler", "sched_get_priority_max", "sched_get_priority_min",
    "sched_rr_get_interval", "getcpu", "sysinfo", "uname",
    /* signals and time */
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigtimedwait", "rt_sigqueueinfo",
    "rt_tgsigqueueinfo", "rt_sigsuspend", "sigaltstack", "signalfd", "signalfd4", "pause", "alarm", "getitimer",
    "setitimer", "nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "time",
    "timerfd_create", "timerfd_settime", "timerfd_gettime",
    /* waiting and local sockets */
    "select", "pselect6", "poll", "ppoll", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait",
    "epoll_pwait2", "eventfd", "eventfd2", "connect", "accept", "accept4", "bind", "listen", "shutdown",
    "getsockname", "getpeername", "getsockopt", "getrandom"};

static const char *const refused[] = {
    "unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "fsconfig",
    "fsmount", "fspick", "mount_setattr", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp",
    "pidfd_getfd", "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid",
    "setgroups", "capset", "sethostname", "setdomainname", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex",
    "reboot", "swapon", "swapoff", "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load",
    "sched_setscheduler", "sched_setparam", "sched_setattr", "ioprio_set", "syslog", "acct", "iopl", "ioperm",
    "modify_ldt", "keyctl", "add_key", "request_key", "bpf", "perf_event_open", "fanotify_init", "fanotify_mark",
    "name_to_handle_at", "open_by_handle_at", "quotactl", "quotactl_fd", "lookup_dcookie", "personality", "vhangup",
    "nfsservctl"};

/* What our own code needs between the fork and the end of the seal. The zygote's filter lets them pass, the program's takes
 * them away: EPERM for those that are refused above, ENOSYS for the others, as if they were on no list. */
static const char *const making[] = {"unshare", "setns", "mount", "setresuid", "setresgid", "capset", "clone3", "seccomp",
                                     "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"};
static const unsigned making_prctls[] = {PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_SET_SECUREBITS};

/* Calls whose one 32-bit argument (an index) must be one of a list. */
static const unsigned ioctls[] = {TCGETS, TCSETS, TCSETSW, TCSETSF, TIOCGWINSZ, TIOCSWINSZ, TIOCGPGRP, FIONREAD, FIONBIO,
                                  FIOCLEX, FIONCLEX};
static const unsigned prctls[] = {PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME,
                                  PR_GET_SECCOMP, PR_CAPBSET_READ, PR_SET_TIMERSLACK, PR_GET_TIMERSLACK,
                                  PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_SET_THP_DISABLE, PR_GET_THP_DISABLE,
                                  0x53564d41 /* PR_SET_VMA: names of mappings */};
static const unsigned fcntls[] = {F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, 36, 37,
                                  38 /* F_OFD_* */, F_DUPFD_CLOEXEC, F_GETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS};
/* Waiting and waking; none of the priority-inheriting ones, which only real-time programs use and which have been a
 * source of holes (CVE-2014-3153, CVE-2021-3347). */
static const unsigned futex_commands[] = {FUTEX_WAIT, FUTEX_WAKE, FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP, FUTEX_WAIT_BITSET,
                                          FUTEX_WAKE_BITSET};
static const unsigned socket_options[] = {SO_REUSEADDR, SO_SNDBUF, SO_RCVBUF, SO_KEEPALIVE, SO_LINGER, SO_REUSEPORT,
                                          SO_PASSCRED, 20 /* SO_RCVTIMEO */, 21 /* SO_SNDTIMEO */};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *const *seccomp_policy_allowed(size_t *count)
{
    *count = COUNT(allowed);
    return allowed;
}

static int allow_values(scmp_filter_ctx ctx, int call, unsigned argument, uint64_t mask, const unsigned *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 1, SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, mask, values[i])) != 0)
            return -1;
    return 0;
}

/* libseccomp takes this machine's number for a call and finds the other architecture's; -1: one of the two has none. */
static int number_of(const char *name, uint32_t arch)
{
    return seccomp_syscall_resolve_name_arch(arch, name) >= 0 ? seccomp_syscall_resolve_name(name) : -1;
}

static bool has(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* The second filter: what our own code needed for the making is over. */
static int take_away_making(scmp_filter_ctx ctx)
{
    int r = 0;
    for (size_t i = 0; i < COUNT(making); i++) {
        const unsigned answer = has(refused, COUNT(refused), making[i]) ? EPERM : ENOSYS;
        r |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(answer), seccomp_syscall_resolve_name(making[i]), 0);
    }
    for (size_t i = 0; i < COUNT(making_prctls); i++)
        r |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(prctl), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, LOW32, making_prctls[i]));
    return r == 0 ? 0 : -1;
}

/* The first filter: every rule. */
static int add_rules(scmp_filter_ctx ctx, uint32_t arch)
{
    int r = 0;
    for (size_t i = 0; i < COUNT(allowed); i++) {
        int call = number_of(allowed[i], arch);
        if (call >= 0)
            r |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 0);
    }
    for (size_t i = 0; i < COUNT(refused); i++) {
        int call = number_of(refused[i], arch);
        if (call >= 0 && !has(making, COUNT(making), refused[i]))
            r |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), call, 0);
    }
    for (size_t i = 0; i < COUNT(making); i++)
        r |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(making[i]), 0);

    /* clone: no namespaces, no sibling of the parent, no tracing; the flags are an unsigned long. clone3 keeps its
     * flags behind a pointer, so it answers ENOSYS and libc falls back to clone. */
    const uint64_t bad_clone = 0xffffffff00000000ULL | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                               CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_PARENT | CLONE_PTRACE | CLONE_UNTRACED;
    r |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, bad_clone, 0));

    /* Memory of the machine's reserved huge pages: no cgroup's memory limit counts it. */
    r |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_HUGETLB, 0));
    r |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(mmap), 1, SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_HUGETLB, MAP_HUGETLB));
    r |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(memfd_create), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, MFD_HUGETLB, 0));
    r |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(memfd_create), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, MFD_HUGETLB, MFD_HUGETLB));

    /* Sockets: AF_UNIX alone, even in an empty network namespace: other families are where kernels break. */
    r |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, LOW32, AF_UNIX));
    r |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, LOW32, AF_UNIX));
    for (unsigned family = 0; family < 64; family++)
        if (family != AF_UNIX) {
            r |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, LOW32, family));
        }
    for (size_t i = 0; i < COUNT(socket_options); i++)
        r |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2,
                              SCMP_A1(SCMP_CMP_MASKED_EQ, LOW32, SOL_SOCKET),
                              SCMP_A2(SCMP_CMP_MASKED_EQ, LOW32, socket_options[i]));
    /* Out-of-band data on local sockets has been a source of use-after-frees. */
    r |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 1, SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_OOB, 0));
    r |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(recvfrom), 1, SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_OOB, 0));
    r |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(sendmsg), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, MSG_OOB, 0));
    r |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(recvmsg), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, MSG_OOB, 0));

    r |= allow_values(ctx, SCMP_SYS(ioctl), 1, LOW32, ioctls, COUNT(ioctls));
    r |= allow_values(ctx, SCMP_SYS(prctl), 0, LOW32, prctls, COUNT(prctls));
    r |= allow_values(ctx, SCMP_SYS(prctl), 0, LOW32, making_prctls, COUNT(making_prctls));
    r |= allow_values(ctx, SCMP_SYS(fcntl), 1, LOW32, fcntls, COUNT(fcntls));
    r |= allow_values(ctx, SCMP_SYS(futex), 1, FUTEX_CMD_BITS, futex_commands, COUNT(futex_commands));
    return r == 0 ? 0 : -1;
}

/* Which filter a context becomes. */
enum part { FOR_ZYGOTE, FOR_PROGRAM };

static int add_rules_of(enum part part, scmp_filter_ctx ctx, uint32_t arch)
{
    if (arch != SCMP_ARCH_NATIVE && arch != seccomp_arch_native() &&
        (seccomp_arch_add(ctx, arch) != 0 || seccomp_arch_remove(ctx, seccomp_arch_native()) != 0))
        return -1;
    /* Each filter on its own kills foreign architectures. */
    if (seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) != 0 ||
        seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2) != 0) /* a binary tree over the numbers */
        return -1;
    return part == FOR_ZYGOTE ? add_rules(ctx, arch) : take_away_making(ctx);
}

/* Appends the filter's instructions to `memfd` and tells how many they are. */
static int export_part(enum part part, uint32_t arch, int memfd, uint32_t *count, struct error *err)
{
    scmp_filter_ctx ctx = seccomp_init(part == FOR_ZYGOTE ? SCMP_ACT_ERRNO(ENOSYS) : SCMP_ACT_ALLOW);
    if (ctx == NULL)
        return error_set(err, ENOMEM, "seccomp: cannot make a filter");
    const off_t before = lseek(memfd, 0, SEEK_CUR);
    int r = add_rules_of(part, ctx, arch);
    if (r != 0)
        error_set(err, 0, "seccomp: libseccomp refused a rule of the filter");
    else if ((r = seccomp_export_bpf(ctx, memfd)) != 0)
        error_set(err, -r, "seccomp: cannot export the filter");
    seccomp_release(ctx);
    *count = (uint32_t)((size_t)(lseek(memfd, 0, SEEK_CUR) - before) / sizeof(struct sock_filter));
    return r == 0 ? 0 : -1;
}

int seccomp_policy_export(uint32_t arch, struct error *err)
{
    struct seccomp_filters filters;
    int memfd = memfd_create("seccomp", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memfd < 0)
        return error_set(err, errno, "seccomp: memfd_create");
    lseek(memfd, sizeof filters, SEEK_SET);
    int r = export_part(FOR_ZYGOTE, arch, memfd, &filters.zygote_count, err);
    if (r == 0)
        r = export_part(FOR_PROGRAM, arch, memfd, &filters.program_count, err);
    if (r == 0 && (pwrite(memfd, &filters, sizeof filters, 0) != (ssize_t)sizeof filters ||
                   fcntl(memfd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0))
        r = error_set(err, errno, "seccomp: cannot keep the filters");
    if (r == 0)
        return memfd;
    close(memfd);
    return -1;
}
