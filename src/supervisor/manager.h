/* manager.h: what a service manager such as systemd and we tell each other (sd_notify(3), sd_listen_fds(3)). */
#pragma once

#include "common/error.h"

#include <stdint.h>

/* Reads and removes the manager's variables from the environment. The listening socket that it hands over (socket activation),
 * -1 where it hands over none, or -2 with `err`. Call it first, with one thread. */
int manager_adopt(struct error *err);

/* Puts them back for a program that takes our place. */
void manager_hand_on(void);

/* The loop goes on: to be called now and then, more often than once a second is no use. Where the manager wants to know, it is told
 * often enough. */
void manager_watched(uint64_t now);

/* "READY=1", "STOPPING=1": to the manager, where there is one. */
void manager_tell(const char *state);
