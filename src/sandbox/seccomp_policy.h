/* seccomp_policy.h: which system calls a program may make. Runs in the broker, once, at the start. */
#pragma once

#include "common/error.h"

#include <stddef.h>

/* Writes the program's filter, as an array of struct sock_filter, to a new sealed memfd. Returns the descriptor
 * (close-on-exec), or -1 with `err`. */
int seccomp_policy_export(struct error *err);

/* The names of the calls that it allows whatever their arguments; valid for ever. */
const char *const *seccomp_policy_allowed(size_t *count);
