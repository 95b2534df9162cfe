/* machine.c: see machine.h. Reads /proc/self/cgroup and the limits of every group from our own up to the root of what is
 * mounted, v2 and v1. In a container that root is the container's group, whatever the path in /proc says. */
#include "common/machine.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = PATH_MAX + 128 };

static bool read_line(const char *path, char *text, int size)
{
    FILE *file = fopen(path, "re");
    bool ok = file != NULL && fgets(text, size, file) != NULL;
    if (file != NULL)
        fclose(file);
    return ok;
}

static bool read_number(const char *folder, const char *name, long long *value)
{
    char path[LINE_MAX_BYTES + 64], text[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return read_line(path, text, sizeof text) && sscanf(text, "%lld", value) == 1; /* "max" is no number */
}

static int64_t memory_limit(const char *folder)
{
    long long limit;
    return read_number(folder, "memory.max", &limit) || read_number(folder, "memory.limit_in_bytes", &limit) ? limit : INT64_MAX;
}

static int64_t core_limit(const char *folder)
{
    char path[LINE_MAX_BYTES + 64], text[64];
    long long quota = -1, period = 0;
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    if (!read_line(path, text, sizeof text) || sscanf(text, "%lld %lld", &quota, &period) != 2)
        if (!read_number(folder, "cpu.cfs_quota_us", &quota) || !read_number(folder, "cpu.cfs_period_us", &period))
            return INT64_MAX;
    return quota > 0 && period > 0 ? (quota + period - 1) / period : INT64_MAX;
}

/* The least of `limit` in the groups of the hierarchy that has the controller. */
static int64_t smallest(const char *controller, int64_t (*limit)(const char *folder))
{
    char line[LINE_MAX_BYTES], folder[LINE_MAX_BYTES + 32];
    int64_t least = INT64_MAX;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *list = strchr(line, ':'), *own = list != NULL ? strchr(list + 1, ':') : NULL;
        if (own == NULL)
            continue;
        *own++ = '\0';
        own[strcspn(own, "\n")] = '\0';
        if (list[1] != '\0' && strstr(list + 1, controller) == NULL)
            continue; /* v1, and another controller's; "" is v2 */
        int root = snprintf(folder, sizeof folder, "/sys/fs/cgroup%s%s", list[1] != '\0' ? "/" : "", list + 1);
        snprintf(folder + root, sizeof folder - (size_t)root, "%s", own);
        for (;;) {
            const int64_t here = limit(folder);
            least = here < least ? here : least;
            char *slash = strrchr(folder + root, '/');
            if (slash == NULL)
                break;
            *slash = '\0';
        }
    }
    if (file != NULL)
        fclose(file);
    return least;
}

int64_t machine_memory(void)
{
    const int64_t all = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE), limit = smallest("memory", memory_limit);
    return limit > 0 && limit < all ? limit : all;
}

int64_t machine_cores(void)
{
    cpu_set_t set;
    int64_t cores = sysconf(_SC_NPROCESSORS_ONLN); /* more than 1,024 processors: the set is too small */
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        cores = CPU_COUNT(&set);
    const int64_t quota = smallest("cpu", core_limit);
    cores = quota < cores ? quota : cores;
    return cores > 0 ? cores : 1;
}
