/* seccomp_apply.c: loads a ready filter. No allocation: it runs after a fork of an interpreter. */
#include "sandbox/seal.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

int seal_seccomp(const struct seal_settings *settings)
{
    struct sock_fprog program = {
        .len = (unsigned short)settings->seccomp_count,
        .filter = (struct sock_filter *)settings->seccomp,
    };
    /* SPEC_ALLOW: kernels before 5.16 switch on slow speculation mitigations for a filtered process otherwise. */
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program);
}
