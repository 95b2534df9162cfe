/* seccomp_policy.h: which system calls a program may make. Runs in the broker, once, at the start. */
#pragma once

#include "common/error.h"

#include <stddef.h>
#include <stdint.h>

/* Writes the two filters that a program runs under to a new sealed memfd: a struct seccomp_filters, then the instructions of
 * the first one, then of the second one. `arch` is an AUDIT_ARCH_ number; 0: this machine's. Returns the descriptor
 * (close-on-exec), or -1 with `err`. */
int seccomp_policy_export(uint32_t arch, struct error *err);

/* The names of the calls that it allows whatever their arguments; valid for ever. */
const char *const *seccomp_policy_allowed(size_t *count);
