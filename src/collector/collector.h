/* collector.h: the parts of the collector: a process that the broker starts for a run whose folders are to be smaller, or whose
 * files are wanted. It enters the run's mount namespace while trusted code waits there, sets the size, and, where files are
 * wanted, gives up every right, waits until all processes of the run are dead, and sends the files that the client's
 * patterns mean. The talk with the client is in common/protocol.h. */
#pragma once

#include "common/protocol.h"

#include <stdint.h>

/* Descriptors that the broker gives it. */
enum { COLLECTOR_PROGRAM = 3 /* pidfd of the run's program */, COLLECTOR_CONTROL = 4, COLLECTOR_CLIENT = 5 };

/* confine.c: makes the folder the root and locks everything else away: ids, capabilities, Landlock, seccomp. NULL, or the
 * step that failed, with errno. */
const char *collector_confine(const char *folder);

/* walk.c: sends what matches, and the end. Never returns. `limit`: bytes of all contents together. */
_Noreturn void collector_walk(const struct collect_request *request, uint64_t limit);
