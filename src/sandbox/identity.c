/* identity.c: user and group ids, capabilities, secure bits. */
#include "sandbox/seal.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int drop_bounding_set(void)
{
    for (unsigned long cap = 0;; cap++) {
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
            continue;
        return errno == EINVAL && cap > CAP_SETPCAP ? 0 : -1; /* EINVAL: past the kernel's last one */
    }
}

int seal_identity(const struct seal_settings *settings)
{
    const unsigned long secure = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                                 SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                                 SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];

    /* The bounding set and the secure bits need CAP_SETPCAP, so they come before the ids. */
    if (drop_bounding_set() != 0 || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
        return -1;
    if (prctl(PR_SET_SECUREBITS, secure, 0, 0, 0) != 0)
        return -1;
    if (setresgid(settings->uid, settings->uid, settings->uid) != 0 ||
        setresuid(settings->uid, settings->uid, settings->uid) != 0)
        return -1;
    memset(data, 0, sizeof data);
    if (syscall(SYS_capset, &head, data) != 0)
        return -1;

    uid_t r, e, s;
    gid_t rg, eg, sg;
    if (getresuid(&r, &e, &s) != 0 || getresgid(&rg, &eg, &sg) != 0 || syscall(SYS_capget, &head, data) != 0)
        return -1;
    uint32_t caps = 0;
    for (int i = 0; i < 2; i++)
        caps |= data[i].effective | data[i].permitted | data[i].inheritable;
    if (r != settings->uid || e != r || s != r || rg != settings->uid || eg != rg || sg != rg || caps != 0 ||
        getgroups(0, NULL) != 0) {
        errno = EPERM;
        return -1;
    }
    return 0;
}
