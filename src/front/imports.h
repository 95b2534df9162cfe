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

/* Only of the statements at the program's head, before it does anything else: there may be comments and a docstring between them.
 * What they import is there before a first line of the program can have an effect on it. */
void imports_scan_head(const char *code, size_t size, struct imports *imports);

/* Of a list of modules (common/modules.h) those that the program imports at its head, by their top-level names. */
uint32_t imports_of(const char *modules, const char *code, size_t size);

/* Whether a program can run in that environment instead of the default one and not notice: they differ only in what is
 * preloaded and in how many sandboxes stand ready. */
bool imports_may_stand_in(const struct config *config, size_t environment);

/* The environment whose preloaded modules fit best: the default one, or one that may stand in for it and has preloaded more
 * of what the program imports; of several such the one that has preloaded least. */
uint32_t imports_choose(const struct config *config, const char *code, size_t size);
