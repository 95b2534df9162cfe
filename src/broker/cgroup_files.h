/* cgroup_files.h: what cgroup_tree.c and cgroup.c both do with the kernel's files. */
#pragma once

#include "broker/cgroup.h"

/* The controllers that we need, by their names in v1. */
enum { CGROUP_NEEDED_COUNT = 4 };
extern const char *const cgroup_needed[CGROUP_NEEDED_COUNT];

/* Is the word in a list with commas or blanks between? */
bool cgroup_has_word(const char *list, const char *word);

/* Where a controller lives; NULL: nowhere. */
const struct cgroup_hierarchy *cgroup_hierarchy_of(const struct cgroup_tree *tree, const char *controller);

/* A whole small file. 0, or -1 with errno. */
int cgroup_write_text(const char *path, const char *text);
int cgroup_read_text(const char *path, char *text, size_t size);
