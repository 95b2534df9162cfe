/* inner_root.h: the service may be started in an ordinary container, whose root holds next to no capability, and by a plain user. */
#pragma once

#include "common/config.h"

/* As a container's root, without CAP_SYS_ADMIN, or as a plain user with the setting `rootless`: moves this process into a
 * user, mount and cgroup namespace of its own, in which it is root over the ids of the sandboxes, the mounts that it makes
 * and the cgroups that belong to it, and mounts a cgroup file system that it can write. Otherwise: returns 0 and has done
 * nothing. Call it early, with one thread. A container needs CAP_SETUID, CAP_SETGID and CAP_SETFCAP, and a seccomp profile
 * that allows unshare and mount; a user needs subordinate ids and newuidmap(1). -1 with `err`, which tells what is lacking:
 * the process must end. */
int inner_root(const struct config *config, struct error *err);

/* Would inner_root() do anything? */
bool inner_root_is_needed(const struct config *config);

/* Has inner_root() found that the container's /proc has parts covered, as container engines have it by default? Then the
 * kernel lets nobody mount one that shows more, and programs get an empty folder. */
bool inner_root_proc_is_masked(void);
void inner_root_told(bool masked); /* another process of ours has called inner_root() */

/* So many ids from first-uid on are mapped. */
enum { INNER_ROOT_IDS = 32768 };
