/* cgroup.h: the kernel's limits and counters for one run, on cgroup v2 and v1. Runs in the broker.
 *
 * The service makes one group of its own (a "tree") below the one it was started in, and in it one group for each
 * slot. Limits are written before anything runs and read back: what the kernel did not take is an error. */
#pragma once

#include "common/error.h"
#include "common/protocol.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Ours in every run: the holder (zygote/holder.c). Limits and peaks are told without it. */
enum { CGROUP_OWN_PROCESSES = 1 };

struct cgroup_limits {
    uint64_t memory;    /* bytes, swap included */
    uint32_t processes; /* threads count */
    double cpus;
};

struct cgroup_usage {
    uint64_t cpu_ns;                     /* exact */
    uint64_t cpu_user_ns, cpu_system_ns; /* counted in ticks on v1: good for their proportion only */
    uint64_t memory_peak;
    uint32_t processes_peak;    /* 0 where the kernel does not count it */
    uint64_t oom_kills;         /* processes that the kernel's OOM killer ended */
    uint64_t memory_refused;    /* times the memory limit was hit */
    uint64_t processes_refused; /* forks that the pids controller refused */
};

#define CGROUP_MOUNT "/sys/fs/cgroup"

enum { CGROUP_HIERARCHIES_MAX = 6, CGROUP_FILES_MAX = 10 };

struct cgroup_tree {
    int version; /* 1 or 2 */
    int count;   /* hierarchies in use; 1 on v2 */
    struct cgroup_hierarchy {
        char controllers[64]; /* "memory", "cpu,cpuacct", "" for v2's unified one */
        char base[PATH_MAX];  /* the group that the service was started in */
    } hierarchies[CGROUP_HIERARCHIES_MAX];
    char name[32]; /* the service's own group below each base */
    int locks[CGROUP_HIERARCHIES_MAX]; /* that group, open and locked for as long as the service lives; -1 */
    bool swap;     /* the swap limit can be, and has to be, set */
};

struct cgroup {
    const struct cgroup_tree *tree;
    uint32_t index;
    int procs[PROCS_MAX]; /* cgroup.procs or tasks of each hierarchy, for the processes that move in */
    bool spent;                 /* by cgroup_kill() */
    int procs_count;
    int files[CGROUP_FILES_MAX]; /* counters, see cgroup.c */
    int oom_event;               /* v1: becomes readable when memory runs out; -1 on v2, where the kernel kills all */
};

/* Mounts every hierarchy that we need anew over CGROUP_MOUNT, in a mount and cgroup namespace of our own. 0, or -1 with `err`. */
int cgroup_mount_fresh(struct error *err);

/* Is one of the controllers of a list ("cpu,cpuacct", `size` bytes) one that we need? */
bool cgroup_is_needed(const char *list, size_t size);

/* Finds the hierarchies, removes what dead services left, makes the service's own group. On v2 this may move the
 * processes of the group it was started in into a leaf of it ("no internal processes"), until cgroup_tree_close(); the
 * parent comes along where `with_parent`. 0, or -1 with `err`. */
int cgroup_tree_open(struct cgroup_tree *tree, bool with_parent, struct error *err);

/* Removes the service's group; its slots' groups must be gone. */
void cgroup_tree_close(struct cgroup_tree *tree);

/* Makes the group of slot `index` with its limits. 0, or -1 with `err`; nothing is left then. */
int cgroup_create(const struct cgroup_tree *tree, uint32_t index, const struct cgroup_limits *limits,
                  struct cgroup *cgroup, struct error *err);

/* Lowers limits of it; 0: as it is. 0, or -1 with `err` (EBUSY: more memory is in use than that). */
int cgroup_lower(const struct cgroup *cgroup, uint64_t memory, uint32_t processes, struct error *err);

/* How many processes the kernel's OOM killer has ended in it. */
uint64_t cgroup_oom_kills(const struct cgroup *cgroup);

/* Removes it. 0, or -1 with errno (EBUSY while something lives in it). */
int cgroup_destroy(struct cgroup *cgroup);

/* Processes and threads in it now; -1 with errno. */
int cgroup_population(const struct cgroup *cgroup);

/* The processor times alone. 0, or -1 with errno. */
int cgroup_read_cpu(const struct cgroup *cgroup, struct cgroup_usage *usage);

/* All of it. 0, or -1 with errno. Counters run since the group was made, the peaks since the last cgroup_rearm(). */
int cgroup_read(const struct cgroup *cgroup, struct cgroup_usage *usage);

/* Sets the memory peak back to what is used now. False where the kernel cannot. */
bool cgroup_reset_peak(const struct cgroup *cgroup);

/* Prepares the group for the next run. Returns false where a counter has moved that the kernel cannot set back:
 * the group has to be made anew. */
bool cgroup_rearm(const struct cgroup *cgroup);

/* v2: kills all that lives in it at once, and is true where the kernel can (5.14). v1: sees to it that nothing in it forks any
 * more, so that whoever kills has to do it once only; false. The group is then not for another run. */
bool cgroup_kill(struct cgroup *cgroup);
