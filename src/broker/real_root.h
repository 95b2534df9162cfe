/* real_root.h: the service may be started in a chroot, where the kernel allows no user namespace. */
#pragma once

#include "common/error.h"

/* In a chroot: makes its folder the root of a mount namespace of our own, so that the same files are seen as before, but
 * from a real root, and executes this program anew with `argv`. Elsewhere, or without the right to: returns 0 and
 * has done nothing. Call it first, with one thread. -1 with `err`: the process must end. */
int real_root(char **argv, struct error *err);
