/* environment.h: starts the processes of an environment: an incubator, which makes nests, and a zygote, which forks
 * programs into them. Both live in the environment's own user namespace and read-only tree, with no right outside. */
#pragma once

#include "common/config.h"
#include "common/error.h"

#include <sys/types.h>

struct environment {
    pid_t incubator, zygote; /* children of the broker; 0: not running */
    int incubator_pidfd, zygote_pidfd;
    int incubator_channel, zygote_channel; /* non-blocking */
    int output; /* read end of what both print: a pipe, because the interpreter remembers what its streams were */
};

#define ENVIRONMENT_NONE \
    ((struct environment){.incubator_pidfd = -1, .zygote_pidfd = -1, .incubator_channel = -1, .zygote_channel = -1, .output = -1})

/* What every start needs, found once. Strings and descriptors belong to the struct, for the life of the broker. */
struct environment_plan {
    char *interpreter; /* what to exec */
    char **paths;      /* host paths that it needs besides the tree's own */
    size_t path_count;
    char *extension;   /* the extension module on the host */
    int incubator_binary;
    int seccomp;       /* the filter */
    uint32_t slots;
};

/* Finds the interpreter's paths (asking it, when it is not the system's), our own files, and makes the filter. */
int environment_plan(struct environment_plan *plan, const struct config *config, uint32_t slots, struct error *err);

/* Releases what a plan holds, complete or not; a plan of zero bytes holds nothing. */
void environment_plan_free(struct environment_plan *plan);

/* Starts both. 0; or -1 with `err`, with nothing left running. That the interpreter is warm is told by its first
 * message. */
int environment_start(struct environment *environment, const struct environment_plan *plan,
                      const struct config *config, struct error *err);

/* Kills and reaps both and closes the channels. Sandboxes that they made live on: they are the broker's. */
void environment_stop(struct environment *environment);
