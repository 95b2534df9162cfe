/* tree.h: the read-only file tree that an environment's processes and all its sandboxes live in.
 *
 * Runs once per environment, in the process that the broker forks to become it, in a mount namespace of its own. */
#pragma once

#include "common/error.h"

#include <stddef.h>

struct tree {
    const char *extension;    /* the zygote's extension module on the host */
    const char *const *paths; /* further host paths that the interpreter needs, made visible where they are */
    size_t path_count;
};

/* Builds the tree and makes it the root; the old root is gone afterwards. Needs CAP_SYS_ADMIN and a mount namespace
 * of its own. 0, or -1 with `err`; after a failure the process must exit. */
int tree_enter(const struct tree *tree, struct error *err);

/* Where things are inside. */
#define TREE_EXTENSION_DIR "/.hatchery"
#define TREE_EXTENSION TREE_EXTENSION_DIR "/_hatchery.abi3.so"
#define TREE_WORK "/sandbox"
