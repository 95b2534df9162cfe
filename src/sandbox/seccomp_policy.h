/* seccomp_policy.h: which system calls a program may make. Runs in the broker, once, at the start. */
#pragma once

#include "common/error.h"

#include <stddef.h>

/* Writes the two filters that a program runs under to a new sealed memfd: a struct seccomp_filters, then the instructions of
 * the first one, then of the second one. Returns the descriptor (close-on-exec), or -1 with `err`. */
int seccomp_policy_export(struct error *err);

/* The names of the calls that it allows whatever their arguments; valid for ever. */
const char *const *seccomp_policy_allowed(size_t *count);
