/* container_init.h: what process 1 of a container owes to the others. */
#pragma once

#include "common/error.h"

/* As process 1: forks, and returns in the child. The parent stays behind without a capability, reaps whoever is orphaned,
 * hands signals on, and exits as the child does. As any other process: returns 0 and has done nothing. Call it
 * first. */
int container_init(struct error *err);
