/* front.h: the process that speaks HTTP. */
#pragma once

#include "common/config.h"

/* Runs the front until the broker is gone or SIGTERM has come and all runs are answered. `isolation` is JSON for GET /info and outlives it.
 * `listen_fd` is a listening,
 * non-blocking TCP socket, `channel_fd` the channel to the broker; both become the front's. Returns the exit status. */
int front_main(const struct config *config, const char *isolation, int listen_fd, int channel_fd);
