/* modules.h: a setting that lists modules ("numpy,matplotlib.pyplot") as numbers: the first one is bit 0 of a set of them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODULES_MAX = 32 };

/* How many the list names; more than MODULES_MAX do not fit into a set. */
size_t modules_count(const char *list);

/* The module of that number: `name` points into the list and does not end in NUL. False: there is none. */
bool modules_name(const char *list, size_t number, const char **name, size_t *size);

/* The names of a set, with commas, cut off where `out` ends. */
void modules_text(const char *list, uint32_t set, char *out, size_t out_size);
