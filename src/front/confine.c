/* confine.c: see confine.h. Runs in the front, before the first byte from the network.
 *
 * Layers, each enough to stop most of what a taken-over front could try: no new privileges; an empty root, where the
 * process may change it; an unprivileged user of its own; no capability; Landlock without a rule; a seccomp
 * allow-list without open, exec, fork or connect. A layer that fails ends the front, but one that the kernel
 * does not have (Landlock), or that needs rights the service was not given (root, user), is left out. */
#include "front/confine.h"

#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __NR_landlock_create_ruleset
#define __NR_landlock_create_ruleset 444
#endif
#ifndef __NR_landlock_restrict_self
#define __NR_landlock_restrict_self 446
#endif

/* The kernel's ABI, written out: the headers may be older than the kernel. */
struct landlock_ruleset {
    uint64_t handled_access_fs, handled_access_net, scoped;
};

enum {
    LANDLOCK_VERSION_FLAG = 1,
    LANDLOCK_FS_RIGHTS_1 = 13, /* bits in ABI 1; one more each in 2, 3 and 5 */
    LANDLOCK_NET_RIGHTS = 3,   /* from ABI 4: bind and connect TCP */
    LANDLOCK_SCOPES = 3,       /* from ABI 6: abstract Unix sockets, signals */
    LANDLOCK_SIZE_1 = 8,
    LANDLOCK_SIZE_4 = 16
};

static int close_root(struct error *err)
{
    static const char *const places[] = {"/run", "/tmp", "/dev/shm", "/var/tmp"};
    char path[64];
    bool made = false;

    for (size_t i = 0; i < sizeof places / sizeof *places && !made; i++) {
        strcpy(path, places[i]);
        strcat(path, "/hatchery-empty-XXXXXX");
        made = mkdtemp(path) != NULL;
    }
    if (!made)
        return error_set(err, errno,
                         "cannot make an empty folder to be the front's root (/run, /tmp: not writable)");
    int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int failed = dir < 0 ? errno : 0;
    rmdir(path); /* from here on nothing can be put into it either */
    if (failed == 0 && (fchdir(dir) != 0 || chroot(".") != 0))
        failed = errno;
    if (dir >= 0)
        close(dir);
    return failed == 0 ? 0 : error_set(err, failed, "cannot make an empty folder the front's root");
}

static bool has_capability(int capability)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};

    return syscall(SYS_capget, &header, data) == 0 &&
           (data[capability / 32].effective & (1u << (capability % 32))) != 0;
}

static int drop_bounding_set(struct error *err)
{
    if (!has_capability(CAP_SETPCAP))
        return 0; /* no_new_privs makes the bounding set moot */
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
        if (prctl(PR_CAPBSET_DROP, capability) != 0)
            return error_set(err, errno, "cannot drop capability %d from the front's bounding set",
                             capability);
    return 0;
}

static int become_unprivileged(const struct config *config, struct error *err)
{
    const uid_t id = (uid_t)config->first_uid;
    if (geteuid() != 0)
        return 0;
    if (setgroups(0, NULL) != 0)
        return error_set(err, errno, "cannot drop the front's supplementary groups");
    if (setresgid(id, id, id) != 0 || setresuid(id, id, id) != 0)
        return error_set(err, errno, "cannot run the front as user %u (first-uid)", id);
    return 0;
}

static int drop_capabilities(struct error *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};

    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* an old kernel has none to clear */
    if (syscall(SYS_capset, &header, none) != 0)
        return error_set(err, errno, "cannot drop the front's capabilities");
    return 0;
}

static int apply_landlock(struct error *err)
{
    long abi = syscall(__NR_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION_FLAG);
    if (abi <= 0) {
        log_event(LOG_WARN, "front.layer_missing", LOG_S("layer", "landlock"),
                  LOG_S("reason", strerror(errno)));
        return 0;
    }
    int rights = LANDLOCK_FS_RIGHTS_1 + (abi >= 2) + (abi >= 3) + (abi >= 5);
    struct landlock_ruleset ruleset = {.handled_access_fs = ((uint64_t)1 << rights) - 1,
                                       .handled_access_net = abi >= 4 ? LANDLOCK_NET_RIGHTS : 0,
                                       .scoped = abi >= 6 ? LANDLOCK_SCOPES : 0};
    size_t size = abi >= 6 ? sizeof ruleset : abi >= 4 ? LANDLOCK_SIZE_4 : LANDLOCK_SIZE_1;
    int fd = (int)syscall(__NR_landlock_create_ruleset, &ruleset, size, 0);
    if (fd < 0 || syscall(__NR_landlock_restrict_self, fd, 0) != 0)
        return error_set(err, errno, "cannot apply Landlock to the front");
    close(fd);
    return 0;
}

/* What libuv, jansson, malloc, the clock and our own I/O need. */
static const int allowed[] = {
    SCMP_SYS(read),         SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(recvfrom),     SCMP_SYS(recvmsg),
    SCMP_SYS(write),        SCMP_SYS(writev),
    SCMP_SYS(sendto),       SCMP_SYS(sendmsg),
    SCMP_SYS(close),        SCMP_SYS(shutdown),
    SCMP_SYS(accept),       SCMP_SYS(accept4),
    SCMP_SYS(getsockopt),   SCMP_SYS(setsockopt),
    SCMP_SYS(getsockname),  SCMP_SYS(getpeername),
    SCMP_SYS(epoll_ctl),    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),  SCMP_SYS(epoll_pwait2),
    SCMP_SYS(poll),         SCMP_SYS(ppoll),
    SCMP_SYS(fstat),        SCMP_SYS(munmap),
    SCMP_SYS(mremap),       SCMP_SYS(madvise),
    SCMP_SYS(brk),          SCMP_SYS(futex),
    SCMP_SYS(sched_yield),  SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday),
    SCMP_SYS(time),         SCMP_SYS(getrandom),
    SCMP_SYS(exit),         SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction), SCMP_SYS(restart_syscall),
    SCMP_SYS(getpid),       SCMP_SYS(gettid),
#ifdef __SANITIZE_ADDRESS__
    SCMP_SYS(sigaltstack),  SCMP_SYS(readlink),
    SCMP_SYS(getrlimit),    SCMP_SYS(prlimit64),
    SCMP_SYS(sysinfo),      SCMP_SYS(sched_getaffinity),
    SCMP_SYS(mmap),         SCMP_SYS(mprotect),
#endif
};

static int allow_with_arguments(scmp_filter_ctx filter)
{
    static const unsigned fcntl_commands[] = {F_GETFL, F_SETFL, F_GETFD, F_SETFD, F_DUPFD_CLOEXEC, F_SETPIPE_SZ};
    static const unsigned ioctl_requests[] = {FIONBIO, FIONREAD, FIOCLEX};
    int failed = 0;

    for (size_t i = 0; failed == 0 && i < sizeof fcntl_commands / sizeof *fcntl_commands; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
                                  SCMP_A1(SCMP_CMP_EQ, fcntl_commands[i]));
    for (size_t i = 0; failed == 0 && i < sizeof ioctl_requests / sizeof *ioctl_requests; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                  SCMP_A1(SCMP_CMP_EQ, ioctl_requests[i]));
    if (failed == 0) /* abort() */
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                                  SCMP_A0(SCMP_CMP_EQ, (unsigned)getpid()));
#ifndef __SANITIZE_ADDRESS__
    if (failed == 0)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (failed == 0)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
#endif
    return failed;
}

static int apply_seccomp(struct error *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    int failed = filter == NULL ? -ENOMEM : 0;

    for (size_t i = 0; failed == 0 && i < sizeof allowed / sizeof *allowed; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    if (failed == 0)
        failed = allow_with_arguments(filter);
    if (failed == 0)
        failed = seccomp_load(filter);
    seccomp_release(filter);
    return failed == 0 ? 0 : error_set(err, -failed, "cannot apply the front's seccomp filter");
}

int front_confine(const struct config *config, struct error *err)
{
    if (has_capability(CAP_SYS_CHROOT) && close_root(err) != 0)
        return -1;
    if (drop_bounding_set(err) != 0 || become_unprivileged(config, err) != 0 || drop_capabilities(err) != 0)
        return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return error_set(err, errno, "cannot set no_new_privs on the front");
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return error_set(err, errno, "cannot make the front non-dumpable");
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) /* a change of user has cleared it */
        return error_set(err, errno, "cannot tie the front's life to its parent's");
    if (apply_landlock(err) != 0 || apply_seccomp(err) != 0)
        return -1;
    return 0;
}
