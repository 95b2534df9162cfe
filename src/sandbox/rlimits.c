/* rlimits.c: per-process limits of a program. The cgroup bounds the whole run; these bound what a cgroup cannot.
 * RLIMIT_AS is left alone: OpenBLAS and others reserve far more address space than they use. */
#include "sandbox/seal.h"

#include <sys/resource.h>

int seal_rlimits(const struct seal_settings *settings)
{
    const struct {
        __rlimit_resource_t resource;
        rlim_t value;
    } limits[] = {
        {RLIMIT_CORE, 0},
        {RLIMIT_NOFILE, settings->open_files},
        {RLIMIT_NPROC, settings->processes + 8}, /* the cgroup's limit comes first: it counts what it refuses */
        {RLIMIT_FSIZE, settings->file_size},
        {RLIMIT_STACK, 8 << 20},
        {RLIMIT_MEMLOCK, 64 << 10},
        {RLIMIT_MSGQUEUE, 0},
        {RLIMIT_NICE, 0},
        {RLIMIT_RTPRIO, 0},
        {RLIMIT_SIGPENDING, 256},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct rlimit have;
        if (getrlimit(limits[i].resource, &have) != 0)
            return -1;
        rlim_t value = limits[i].value;
        if (value > have.rlim_max) /* the service itself may run with less */
            value = have.rlim_max;
        if (setrlimit(limits[i].resource, &(struct rlimit){value, value}) != 0)
            return -1;
    }
    return 0;
}
