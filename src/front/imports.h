/* imports.h: which environment fits a program that names none, by the modules that it imports. */
#pragma once

#include "common/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IMPORTS_MAX = 32, IMPORT_NAME_MAX = 64 };

struct imports {
    char names[IMPORTS_MAX][IMPORT_NAME_MAX]; /* top-level modules, each once */
    size_t count;
};

/* The modules of the import statements that stand at the beginning of a line, outside of strings. Bounded: of a very long
 * program the beginning, of many modules the first, none with a name that is too long or not ASCII. */
void imports_scan(const char *code, size_t size, struct imports *imports);

/* Whether a program can run in that environment instead of the default one and not notice: they differ only in what is
 * preloaded and in how many sandboxes stand ready. */
bool imports_may_stand_in(const struct config *config, size_t environment);

/* The environment whose preloaded modules fit best: the default one, or one that may stand in for it and has preloaded more
 * of what the program imports; of several such the one that has preloaded least. */
uint32_t imports_choose(const struct config *config, const char *code, size_t size);
