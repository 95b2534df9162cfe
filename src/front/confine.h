/* confine.h: takes away from the front all that it does not need. */
#pragma once

#include "common/config.h"

/* Drops every right of this process: file system, user, capabilities, system calls. Irreversible. Everything that the
 * process opens must be open. 0; or -1 with `err`, and the process must then end. */
int front_confine(const struct config *config, struct error *err);
