/* supervisor.h: the process that `hatchery serve` is. It holds the listening socket and sees to it that a broker serves it: starts
 * one, starts another when it dies, and puts a new one in its place when the settings or the binary have changed. It reads
 * nothing that a client or a program wrote, and makes no sandbox. */
#pragma once

#include "common/config.h"

#include <stdbool.h>

struct supervised {
    char *const *argv; /* of the whole process, for the binary that takes its place */
    int (*load)(const void *data, struct config *config, struct error *err); /* reads the settings anew */
    const void *data;
};

/* Has another supervisor, of the binary before this one, just become this process? Then there is a service to go on with,
 * whatever the settings say, and the ones that it had can be read. */
bool supervisor_is_successor(void);
int supervisor_old_settings(struct config *config, struct error *err);

/* Until SIGTERM or SIGINT. Returns the exit status, or -1 with `err` where the first broker did not become ready. `config` is
 * taken over: it may be changed. */
int supervise(const struct supervised *what, struct config *config, struct error *err);
