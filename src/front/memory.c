/* memory.c: see memory.h. Runs in the front, and in the runner of `hatchery run`. */
#include "front/memory.h"

#include "common/log.h"

#include <stddef.h>
#include <unistd.h>

enum { EXIT_NO_MEMORY = 125 }; /* as `hatchery run` ends by its own failure */

void *memory_needed(void *memory)
{
    if (memory != NULL)
        return memory;
    log_event(LOG_ERROR, "memory.exhausted", LOG_I("pid", getpid()));
    _exit(EXIT_NO_MEMORY);
}
