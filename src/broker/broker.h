/* broker.h: the privileged process. It makes, limits, kills and judges sandboxes; it parses nothing from outside. */
#pragma once

#include "common/config.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether broker_serve() would be content with the settings and the files that they name. 0, or -1 with `err`. */
int broker_check(const struct config *config, struct error *err);

#define BROKER_NEEDS_ROOT "needs root to make sandboxes (namespaces, cgroups, user ids); start it with sudo, or as this user with --rootless true"

struct seat; /* broker/seat.h */

/* Serves until SIGTERM, or until it has retired. Returns the exit status, or -1 with `err` where it could not start. */
int broker_serve(const struct config *config, const struct seat *seat, struct error *err);

struct run_request; /* runner/runner.h */

enum { RUN_STATUS_TIMEOUT = 124, RUN_STATUS_FAILED = 125, RUN_STATUS_SIGNAL = 128 };

/* Runs one program in the sandbox that the service would use, its output on our own. Returns the program's exit
 * status, RUN_STATUS_SIGNAL + n for a signal (137 where a limit killed it), RUN_STATUS_TIMEOUT, or -1 with `err`. */
int broker_run(const struct config *config, const struct run_request *request, struct error *err);
