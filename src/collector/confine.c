/* confine.c: see collector.h. What is left can read below one folder, write to its client, and end. */
#include "collector/collector.h"
#include "sandbox/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PROGRAM_UID = 1000, OPEN_FILES = 64, PROCESSOR_SECONDS = 10 };

static int set_limits(void)
{
    static const struct {
        __rlimit_resource_t resource;
        rlim_t value;
    } limits[] = {{RLIMIT_CORE, 0}, {RLIMIT_FSIZE, 0}, {RLIMIT_NOFILE, OPEN_FILES}, {RLIMIT_CPU, PROCESSOR_SECONDS},
                  {RLIMIT_MEMLOCK, 0}, {RLIMIT_MSGQUEUE, 0}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if (setrlimit(limits[i].resource, &(struct rlimit){limits[i].value, limits[i].value}) != 0)
            return -1;
    return 0;
}

/* Reading below the root, which is the folder; where the kernel has Landlock. */
static int apply_landlock(void)
{
    const uint64_t read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    const uint64_t all_of_abi_1 = (1 << 13) - 1;
    struct landlock_ruleset_attr attr = {.handled_access_fs = all_of_abi_1};
    if (landlock_abi() == 0)
        return 0;
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr.handled_access_fs, 0);
    struct landlock_path_beneath_attr rule = {.allowed_access = read, .parent_fd = open("/", O_PATH | O_CLOEXEC)};
    int r = ruleset >= 0 && rule.parent_fd >= 0 &&
                    syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0 &&
                    syscall(SYS_landlock_restrict_self, ruleset, 0) == 0
                ? 0
                : -1;
    const int saved = errno;
    close(rule.parent_fd);
    close(ruleset);
    errno = saved;
    return r;
}

static int apply_seccomp(void)
{
#define ALLOW(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#if defined(__x86_64__)
    const uint32_t architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
    const uint32_t architecture = AUDIT_ARCH_AARCH64;
#else
#error "which AUDIT_ARCH_ is this?"
#endif
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, architecture, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(read),
        ALLOW(write),
        ALLOW(sendto),
        ALLOW(close),
        ALLOW(openat2),
        ALLOW(fstat),
        ALLOW(newfstatat),
        ALLOW(getdents64),
        ALLOW(exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
#undef ALLOW
    struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

const char *collector_confine(const char *folder)
{
    const struct seal_settings identity = {.uid = PROGRAM_UID};
    if (set_limits() != 0)
        return "collector limits";
    if (chdir(folder) != 0 || chroot(".") != 0 || chdir("/") != 0)
        return "collector root";
    if (seal_identity(&identity) != 0)
        return "collector identity";
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0) /* a change of ids clears the one and may set the other */
        return "collector parent death signal";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return "collector no_new_privs";
    if (apply_landlock() != 0)
        return "collector landlock";
    if (apply_seccomp() != 0)
        return "collector seccomp";
    return NULL;
}
