/* machine.h: how much of the machine this process may use: what there is, or what its container was given. */
#pragma once

#include <stdint.h>

/* Bytes of memory: the machine's, or the smallest limit of the cgroups that we are in. */
int64_t machine_memory(void);

/* Processors: those that we may run on, or as many as the smallest quota of our cgroups is worth, rounded up. */
int64_t machine_cores(void);
