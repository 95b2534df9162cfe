/* landlock.c: a second lock on files, devices, TCP, signals and abstract sockets, by a mechanism that shares nothing
 * with mounts and seccomp. The constants are spelled out: the headers of Debian 12 know ABI 2 only. */
#include "sandbox/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* include/uapi/linux/landlock.h of Linux 6.12 */
enum {
    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_ALL_ABI1 = (1 << 13) - 1,
    FS_MAKE_CHAR = 1 << 6,
    FS_MAKE_BLOCK = 1 << 11,
    FS_REFER = 1 << 13,    /* ABI 2 */
    FS_TRUNCATE = 1 << 14, /* ABI 3 */
    NET_ALL = 3,           /* ABI 4 */
    FS_IOCTL_DEV = 1 << 15, /* ABI 5 */
    RESTRICT_LOG_OFF = 1, /* ABI 7: what programs try does not fill the audit log */
    SCOPE_ALL = 3,         /* ABI 6: abstract sockets, signals */
};

struct ruleset {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped;
};

int landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return abi < 0 ? 0 : (int)abi;
}

int landlock_deny_files(void)
{
    struct ruleset set = {.handled_access_fs = FS_ALL_ABI1};
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &set, sizeof set.handled_access_fs, 0);
    return ruleset < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ? -1 : (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
}

static int allow(int ruleset, const char *path, uint64_t access)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = access};
    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0)
        return -1;
    int r = (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    int saved = errno;
    close(rule.parent_fd);
    errno = saved;
    return r;
}

int seal_landlock(void)
{
    int abi = landlock_abi();
    if (abi == 0)
        return 0;

    struct ruleset set = {.handled_access_fs = FS_ALL_ABI1};
    size_t size = sizeof set.handled_access_fs;
    if (abi >= 2)
        set.handled_access_fs |= FS_REFER;
    if (abi >= 3)
        set.handled_access_fs |= FS_TRUNCATE;
    if (abi >= 4) {
        set.handled_access_net = NET_ALL;
        size = offsetof(struct ruleset, scoped);
    }
    if (abi >= 5)
        set.handled_access_fs |= FS_IOCTL_DEV;
    if (abi >= 6) {
        set.scoped = SCOPE_ALL;
        size = sizeof set;
    }

    const uint64_t read_only = FS_EXECUTE | FS_READ_FILE | FS_READ_DIR;
    const uint64_t device = FS_READ_FILE | FS_WRITE_FILE;
    const uint64_t writable =
        set.handled_access_fs & ~(uint64_t)(FS_MAKE_CHAR | FS_MAKE_BLOCK | FS_IOCTL_DEV);
    static const char *const folders[] = {"/sandbox", "/tmp", "/dev/shm"};

    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &set, size, 0);
    if (ruleset < 0)
        return -1;
    /* /proc/self/... is written by programs too (comm, timerslack): its own permissions decide there. */
    int r = allow(ruleset, "/", read_only) | allow(ruleset, "/proc", read_only | FS_WRITE_FILE);
    /* All that is below /dev is five devices, and /dev/shm with a rule of its own. */
    r |= allow(ruleset, "/dev", device | (set.handled_access_fs & FS_TRUNCATE));
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        r |= allow(ruleset, folders[i], writable);
    if (r == 0)
        r = (int)syscall(SYS_landlock_restrict_self, ruleset, abi >= 7 ? RESTRICT_LOG_OFF : 0);
    int saved = errno;
    close(ruleset);
    errno = saved;
    return r == 0 ? abi : -1;
}
