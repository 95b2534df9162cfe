/* layers.h: the layers of a sandbox that this machine can enforce, each found by doing it. */
#pragma once

#include "common/config.h"
#include "common/error.h"

#include <stdbool.h>
#include <stdio.h>

enum { LAYER_COUNT = 9 };

struct layer {
    const char *name, *remedy;
    bool required, enforced;
    char detail[ERROR_TEXT_MAX]; /* how it is enforced, or why it is missing */
};

/* Tries every layer, each in a process of its own; the last one runs a program in a sandbox. */
void layers_try(const struct config *config, struct layer layers[LAYER_COUNT]);

/* Tries those that can be tried beside a service that starts (the others it tries itself, by starting), and prints each to
 * `out` as JSON, with a comma behind. -1 with `err`, which has the remedy, at the first required one that is missing. */
int layers_require(const struct config *config, FILE *out, struct error *err);

void layer_print_json(const struct layer *layer, FILE *out);
