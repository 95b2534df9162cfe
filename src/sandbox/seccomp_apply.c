/* seccomp_apply.c: loads a ready filter. No allocation: it runs after a fork of an interpreter. */
#include "sandbox/seal.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

static int load(const struct seccomp_filters *filters, size_t skip, size_t count)
{
    struct sock_filter *first = (struct sock_filter *)(filters + 1);
    struct sock_fprog program = {.len = (unsigned short)count, .filter = first + skip};
    /* SPEC_ALLOW: kernels before 5.16 switch on slow speculation mitigations for a filtered process otherwise. */
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program);
}

int seal_seccomp_zygote(const struct seccomp_filters *filters)
{
    return load(filters, 0, filters->zygote_count);
}

int seal_seccomp_program(const struct seccomp_filters *filters)
{
    return load(filters, filters->zygote_count, filters->program_count);
}
