/* nest.h: a nest is a sandbox without a program: namespaces, mounts, and an init, waiting in its cgroup. */
#pragma once

#include "common/protocol.h"

#include <stdint.h>

struct nest_settings {
    uint64_t workspace; /* bytes of each writable folder */
    uint64_t files;     /* inodes of each */
};

/* What the incubator keeps for a slot: made once, used by one nest after the other. */
struct nest_slot {
    int netns;                  /* an empty network namespace: making one per run would cost more than all the rest */
    int procs[MESSAGE_FDS_MAX]; /* the cgroup.procs files, opened by the broker */
    int procs_count;
};

/* Makes a nest whose init is a child of this process' parent. On success returns the init's pid and stores its pidfd
 * (close-on-exec) in *pidfd. On failure returns -1 with errno and the failed step (a static string) in *what;
 * nothing is left. */
int nest_make(const struct nest_settings *settings, const struct nest_slot *slot, uint32_t index, int *pidfd,
              const char **what);

/* The init's life, pid 1 of the nest; `report` gets one byte when all is done, or a struct nest_failure. */
struct nest_failure {
    int32_t error;
    char what[64];
};
_Noreturn void init_main(const struct nest_settings *settings, const struct nest_slot *slot, int barrier, int report);
