/* inner_root.h: the service may be started in an ordinary container, whose root holds next to no capability. */
#pragma once

#include "common/config.h"

/* Without CAP_SYS_ADMIN: moves this process into a user, mount and cgroup namespace of its own, in which it is root over
 * the ids of the sandboxes, the mounts that it makes and the cgroups of the container, and mounts a cgroup file system that
 * it can write. With CAP_SYS_ADMIN: returns 0 and has done nothing. Call it early, with one thread. Needs CAP_SETUID,
 * CAP_SETGID and CAP_SETFCAP, and a seccomp profile that allows unshare and mount. -1 with `err`, which tells what the
 * container lacks: the process must end. */
int inner_root(const struct config *config, struct error *err);

/* Has inner_root() found that the container's /proc has parts covered, as container engines have it by default? Then the
 * kernel lets nobody mount one that shows more, and programs get an empty folder. */
bool inner_root_proc_is_masked(void);
