/* cgroup.c: see cgroup.h: one slot's group, its limits and counters. The two versions differ in names of files and in where a controller lives; one table of
 * counters and one of limits covers both. */
#include "broker/cgroup_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* The counters: which file, by version, and how it is opened. */
enum counter { MEMORY_PEAK, MEMORY_EVENTS, MEMORY_FAILURES, PIDS_CURRENT, PIDS_EVENTS, PIDS_PEAK, CPU_TOTAL, CPU_USER, CPU_SYSTEM, END };
static const struct {
    const char *controller, *v1, *v2;
    int flags;
    bool required;
} counters[CGROUP_FILES_MAX] = {
    [MEMORY_PEAK] = {"memory", "memory.max_usage_in_bytes", "memory.peak", O_RDWR, false},
    [MEMORY_EVENTS] = {"memory", "memory.oom_control", "memory.events", O_RDONLY, true},
    [MEMORY_FAILURES] = {"memory", "memory.failcnt", NULL, O_RDONLY, false},
    [PIDS_CURRENT] = {"pids", "pids.current", "pids.current", O_RDONLY, true},
    [PIDS_EVENTS] = {"pids", "pids.events", "pids.events", O_RDONLY, true},
    [PIDS_PEAK] = {"pids", "pids.peak", "pids.peak", O_RDONLY, false}, /* Linux 6.1 */
    [CPU_TOTAL] = {"cpuacct", "cpuacct.usage", "cpu.stat", O_RDONLY, true},
    [CPU_USER] = {"cpuacct", "cpuacct.usage_user", NULL, O_RDONLY, false},
    [CPU_SYSTEM] = {"cpuacct", "cpuacct.usage_sys", NULL, O_RDONLY, false},
    [END] = {"pids", "pids.max", "cgroup.kill", O_WRONLY, false}, /* see cgroup_kill(); cgroup.kill: Linux 5.14 */
};

static void group_path(const struct cgroup_tree *tree, const struct cgroup_hierarchy *h, uint32_t index, const char *file,
                       char *path, size_t size)
{
    snprintf(path, size, "%s/%s/%u%s%s", h->base, tree->name, index, file[0] != '\0' ? "/" : "", file);
}

/* Writes a limit and reads it back. A file that does not exist is no error where it is optional. */
static int set_limit(const struct cgroup_tree *tree, uint32_t index, const char *controller, const char *file,
                     const char *value, bool optional, struct error *err)
{
    char path[PATH_MAX + 64], have[128];
    group_path(tree, cgroup_hierarchy_of(tree, controller), index, file, path, sizeof path);
    if (cgroup_write_text(path, value) != 0) {
        if (optional && errno == ENOENT)
            return 0;
        return error_set(err, errno, "cgroup: cannot set %s to %s", path, value);
    }
    if (cgroup_read_text(path, have, sizeof have) != 0)
        return error_set(err, errno, "cgroup: cannot read %s back", path);
    have[strcspn(have, "\n")] = '\0';
    if (strcmp(have, value) != 0)
        return error_set(err, 0, "cgroup: %s is %s after it was set to %s", path, have, value);
    return 0;
}

static bool host_swaps(void)
{
    char text[512];
    if (cgroup_read_text("/proc/swaps", text, sizeof text) != 0)
        return true; /* unknown is yes */
    const char *second = strchr(text, '\n');
    return second != NULL && second[1] != '\0';
}

static int set_memory(const struct cgroup_tree *tree, uint32_t index, uint64_t bytes, struct error *err)
{
    const bool swap_optional = !host_swaps();
    char memory[32];
    /* The kernel counts whole pages. */
    snprintf(memory, sizeof memory, "%llu", (unsigned long long)(bytes / 4096 * 4096));
    if (tree->version == 2)
        return set_limit(tree, index, "", "memory.max", memory, false, err);
    return set_limit(tree, index, "memory", "memory.limit_in_bytes", memory, false, err) != 0 ||
                   set_limit(tree, index, "memory", "memory.memsw.limit_in_bytes", memory, swap_optional, err) != 0
               ? -1
               : 0;
}

static int set_processes(const struct cgroup_tree *tree, uint32_t index, uint32_t processes, struct error *err)
{
    char pids[32];
    snprintf(pids, sizeof pids, "%u", processes + CGROUP_OWN_PROCESSES);
    return set_limit(tree, index, tree->version == 2 ? "" : "pids", "pids.max", pids, false, err);
}

static int set_limits(const struct cgroup_tree *tree, uint32_t index, const struct cgroup_limits *limits, struct error *err)
{
    char cpu[64];
    const long period = 100000; /* microseconds */

    if (set_memory(tree, index, limits->memory, err) != 0 || set_processes(tree, index, limits->processes, err) != 0)
        return -1;
    if (tree->version == 2) {
        snprintf(cpu, sizeof cpu, "%ld %ld", (long)(limits->cpus * period), period);
        return set_limit(tree, index, "", "memory.swap.max", "0", !host_swaps(), err) != 0 ||
                       set_limit(tree, index, "", "memory.oom.group", "1", false, err) != 0 ||
                       set_limit(tree, index, "", "cpu.max", cpu, false, err) != 0
                   ? -1
                   : 0;
    }
    snprintf(cpu, sizeof cpu, "%ld", (long)(limits->cpus * period));
    return set_limit(tree, index, "cpu", "cpu.cfs_period_us", "100000", false, err) != 0 ||
                   set_limit(tree, index, "cpu", "cpu.cfs_quota_us", cpu, false, err) != 0
               ? -1
               : 0;
}

static int open_counters(struct cgroup *cgroup, struct error *err)
{
    for (int i = 0; i < CGROUP_FILES_MAX; i++)
        cgroup->files[i] = -1;
    for (int i = 0; i < CGROUP_FILES_MAX; i++) {
        const char *file = cgroup->tree->version == 2 ? counters[i].v2 : counters[i].v1;
        const struct cgroup_hierarchy *h =
            counters[i].controller != NULL ? cgroup_hierarchy_of(cgroup->tree, counters[i].controller) : NULL;
        char path[PATH_MAX + 64];
        if (file == NULL || h == NULL)
            continue;
        group_path(cgroup->tree, h, cgroup->index, file, path, sizeof path);
        cgroup->files[i] = open(path, counters[i].flags | O_CLOEXEC);
        if (cgroup->files[i] < 0 && i == MEMORY_PEAK) /* writable from Linux 6.12 */
            cgroup->files[i] = open(path, O_RDONLY | O_CLOEXEC);
        if (cgroup->files[i] < 0 && counters[i].required)
            return error_set(err, errno, "cgroup: %s", path);
    }
    return 0;
}

/* v1 kills one process and lets its siblings be: the broker has to hear of it to end the run. */
static int watch_oom(struct cgroup *cgroup, struct error *err)
{
    char path[PATH_MAX + 64], text[32];
    if (cgroup->tree->version == 2)
        return 0;
    cgroup->oom_event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (cgroup->oom_event < 0)
        return error_set(err, errno, "eventfd");
    group_path(cgroup->tree, cgroup_hierarchy_of(cgroup->tree, "memory"), cgroup->index, "cgroup.event_control", path, sizeof path);
    snprintf(text, sizeof text, "%d %d", cgroup->oom_event, cgroup->files[MEMORY_EVENTS]);
    return cgroup_write_text(path, text) == 0 ? 0 : error_set(err, errno, "cgroup: %s", path);
}

int cgroup_create(const struct cgroup_tree *tree, uint32_t index, const struct cgroup_limits *limits,
                  struct cgroup *cgroup, struct error *err)
{
    char path[PATH_MAX + 64];
    *cgroup = (struct cgroup){.tree = tree, .index = index, .oom_event = -1};
    for (int i = 0; i < CGROUP_FILES_MAX; i++)
        cgroup->files[i] = -1;
    for (int i = 0; i < tree->count; i++) {
        group_path(tree, &tree->hierarchies[i], index, "", path, sizeof path);
        if (mkdir(path, 0755) != 0 && errno != EEXIST) {
            error_set(err, errno, "cgroup: cannot make %s", path);
            goto fail;
        }
        /* v1: a thread that moves itself does not take the kernel's lock on all cgroups, which waits for milliseconds when
         * nobody took it shortly before; who moves in has one thread. */
        group_path(tree, &tree->hierarchies[i], index, tree->version == 1 ? "tasks" : "cgroup.procs", path, sizeof path);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0) {
            error_set(err, errno, "cgroup: %s", path);
            goto fail;
        }
        cgroup->procs[cgroup->procs_count++] = fd;
    }
    if (set_limits(tree, index, limits, err) == 0 && open_counters(cgroup, err) == 0 && watch_oom(cgroup, err) == 0)
        return 0;
fail:
    cgroup_destroy(cgroup);
    return -1;
}

int cgroup_lower(const struct cgroup *cgroup, uint64_t memory, uint32_t processes, struct error *err)
{
    if (memory > 0 && set_memory(cgroup->tree, cgroup->index, memory, err) != 0)
        return -1;
    return processes > 0 ? set_processes(cgroup->tree, cgroup->index, processes, err) : 0;
}

int cgroup_destroy(struct cgroup *cgroup)
{
    int r = 0;
    for (int i = 0; i < cgroup->procs_count; i++)
        close(cgroup->procs[i]);
    cgroup->procs_count = 0;
    if (cgroup->oom_event >= 0)
        close(cgroup->oom_event);
    cgroup->oom_event = -1;
    for (int i = 0; i < CGROUP_FILES_MAX; i++) {
        if (cgroup->files[i] >= 0)
            close(cgroup->files[i]);
        cgroup->files[i] = -1;
    }
    for (int i = 0; i < cgroup->tree->count; i++) {
        char path[PATH_MAX + 64];
        group_path(cgroup->tree, &cgroup->tree->hierarchies[i], cgroup->index, "", path, sizeof path);
        if (rmdir(path) != 0 && errno != ENOENT)
            r = -1;
    }
    return r;
}

/* Reads a small file from its beginning; "" where there is none. */
static const char *slurp(const struct cgroup *cgroup, enum counter counter, char *text, size_t size)
{
    ssize_t n = cgroup->files[counter] >= 0 ? pread(cgroup->files[counter], text, size - 1, 0) : 0;
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static uint64_t number(const struct cgroup *cgroup, enum counter counter)
{
    char text[64];
    return strtoull(slurp(cgroup, counter, text, sizeof text), NULL, 10);
}

/* The number behind "key " at the start of a line; 0 where the key is not there. */
static uint64_t keyed(const char *text, const char *key)
{
    size_t n = strlen(key);
    for (const char *line = text; *line != '\0'; line += *line == '\n') {
        if (strncmp(line, key, n) == 0 && line[n] == ' ')
            return strtoull(line + n + 1, NULL, 10);
        line += strcspn(line, "\n");
    }
    return 0;
}

uint64_t cgroup_oom_kills(const struct cgroup *cgroup)
{
    char text[2048];
    return keyed(slurp(cgroup, MEMORY_EVENTS, text, sizeof text), "oom_kill");
}

int cgroup_population(const struct cgroup *cgroup)
{
    char text[32];
    slurp(cgroup, PIDS_CURRENT, text, sizeof text);
    if (text[0] == '\0') {
        errno = EIO;
        return -1;
    }
    return atoi(text);
}

int cgroup_read_cpu(const struct cgroup *cgroup, struct cgroup_usage *usage)
{
    char text[2048];
    slurp(cgroup, CPU_TOTAL, text, sizeof text);
    if (text[0] == '\0') {
        errno = EIO;
        return -1;
    }
    if (cgroup->tree->version == 2) {
        usage->cpu_ns = keyed(text, "usage_usec") * 1000;
        usage->cpu_user_ns = keyed(text, "user_usec") * 1000;
        usage->cpu_system_ns = keyed(text, "system_usec") * 1000;
    } else {
        usage->cpu_ns = strtoull(text, NULL, 10);
        usage->cpu_user_ns = number(cgroup, CPU_USER);
        usage->cpu_system_ns = number(cgroup, CPU_SYSTEM);
    }
    return 0;
}

int cgroup_read(const struct cgroup *cgroup, struct cgroup_usage *usage)
{
    char text[2048];
    slurp(cgroup, MEMORY_EVENTS, text, sizeof text);
    if (text[0] == '\0') {
        errno = EIO;
        return -1;
    }
    usage->oom_kills = keyed(text, "oom_kill");
    usage->memory_refused = cgroup->tree->version == 2 ? keyed(text, "max") : number(cgroup, MEMORY_FAILURES);
    usage->memory_peak = number(cgroup, MEMORY_PEAK);
    uint64_t peak = number(cgroup, PIDS_PEAK); /* 0 where the kernel has none */
    usage->processes_peak = (uint32_t)(peak > CGROUP_OWN_PROCESSES ? peak - CGROUP_OWN_PROCESSES : 0);
    usage->processes_refused = keyed(slurp(cgroup, PIDS_EVENTS, text, sizeof text), "max");
    return cgroup_read_cpu(cgroup, usage);
}

bool cgroup_rearm(const struct cgroup *cgroup)
{
    char text[2048];
    if (cgroup->spent)
        return false;
    slurp(cgroup, MEMORY_EVENTS, text, sizeof text);
    if (text[0] == '\0' || keyed(text, "oom_kill") != 0 || keyed(text, "max") != 0 /* v2 */ ||
        number(cgroup, MEMORY_FAILURES) != 0 /* v1 */ || number(cgroup, PIDS_PEAK) > CGROUP_OWN_PROCESSES + 1 /* a program of one thread */ ||
        keyed(slurp(cgroup, PIDS_EVENTS, text, sizeof text), "max") != 0)
        return false;
    return cgroup_reset_peak(cgroup); /* v2: from Linux 6.12 */
}

bool cgroup_reset_peak(const struct cgroup *cgroup)
{
    return cgroup->files[MEMORY_PEAK] >= 0 && pwrite(cgroup->files[MEMORY_PEAK], "0", 1, 0) == 1;
}

bool cgroup_kill(struct cgroup *cgroup)
{
    const bool kills = cgroup->tree->version == 2;
    cgroup->spent = true;
    return cgroup->files[END] >= 0 && write(cgroup->files[END], kills ? "1" : "0", 1) == 1 && kills;
}
