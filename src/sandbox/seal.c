/* seal.c: the order of the layers. See seal.h. */
#include "sandbox/seal.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

seal_step seal_program(const struct seal_settings *settings)
{
    if (seal_rlimits(settings) != 0)
        return "rlimits";
    if (seal_identity(settings) != 0)
        return "identity";
    /* After the ids: changing them clears it (prctl(2)). */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return "parent death signal";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return "no_new_privs";
    const int abi = seal_landlock();
    if (abi < 0)
        return "landlock";
    if ((uint32_t)abi < settings->landlock_min) {
        errno = ENOSYS;
        return "landlock of at least landlock-min";
    }
    if (seal_seccomp_program(settings->seccomp) != 0)
        return "seccomp";
    /* unshare(0) does nothing and succeeds unless the filter is there. */
    errno = 0;
    if (unshare(0) != -1 || errno != EPERM) {
        errno = EPERM;
        return "seccomp self-test";
    }
    return NULL;
}
