/* rlimits.c: per-process limits of a program. The cgroup bounds the whole run; these bound what a cgroup cannot.
 * RLIMIT_AS is left alone: OpenBLAS and others reserve far more address space than they use. RLIMIT_FSIZE comes last, by
 * seal_file_size(): what a run is given may be larger than what it may write. */
#include "sandbox/seal.h"

#include <sys/resource.h>

static int limit(__rlimit_resource_t resource, rlim_t value)
{
    struct rlimit have;
    if (getrlimit(resource, &have) != 0)
        return -1;
    if (value > have.rlim_max) /* the service itself may run with less */
        value = have.rlim_max;
    return setrlimit(resource, &(struct rlimit){value, value});
}

int seal_rlimits(const struct seal_settings *settings)
{
    const struct {
        __rlimit_resource_t resource;
        rlim_t value;
    } limits[] = {
        {RLIMIT_CORE, 0},
        {RLIMIT_NOFILE, settings->open_files},
        {RLIMIT_NPROC, settings->processes + 8}, /* the cgroup's limit comes first: it counts what it refuses */
        {RLIMIT_STACK, 8 << 20},
        {RLIMIT_MEMLOCK, 64 << 10},
        {RLIMIT_MSGQUEUE, 0},
        {RLIMIT_NICE, 0},
        {RLIMIT_RTPRIO, 0},
        {RLIMIT_SIGPENDING, 256},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if (limit(limits[i].resource, limits[i].value) != 0)
            return -1;
    return 0;
}

int seal_file_size(uint64_t bytes)
{
    return limit(RLIMIT_FSIZE, bytes);
}

int seal_open_files(uint32_t count)
{
    return limit(RLIMIT_NOFILE, count);
}
