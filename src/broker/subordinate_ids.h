/* subordinate_ids.h: the ids that /etc/subuid and /etc/subgid set aside for a plain user. */
#pragma once

#include "common/error.h"

#include <stdint.h>
#include <sys/types.h>

/* Maps, into the user namespace of process `pid` (this user's, and not yet mapped), root to the caller's user and group, and
 * `count` ids from `first` to ids that are set aside for the caller. newuidmap(1) and newgidmap(1) do it, which are set-id
 * and ask those files, too. Calls exec in children; call with one thread, from outside of the namespace. -1 with `err`,
 * which tells what the administrator has to add. */
int subordinate_ids_map(pid_t pid, uint32_t first, uint32_t count, struct error *err);
