/* nest.h: a nest is a sandbox without a program: namespaces, mounts, and an init that holds them. */
#pragma once

#include "common/protocol.h"

#include <stdbool.h>
#include <stdint.h>

struct nest_settings {
    bool proc; /* a /proc of its own; else an empty folder, where the kernel allows none */
};

/* Makes a nest in the network namespace `netns` whose init is a child of this process' parent. On success
 * returns the init's pid. On failure returns -1 with errno and the failed step (a static string) in *what; nothing is left. */
int nest_make(const struct nest_settings *settings, int netns, uint32_t index, const char **what);

/* The init's life, pid 1 of the nest; `report` gets one byte when all is done, or a struct nest_failure. */
struct nest_failure {
    int32_t error;
    char what[64];
};
_Noreturn void init_main(const struct nest_settings *settings, int barrier, int report);
