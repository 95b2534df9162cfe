/* environment.h: starts the processes of an environment: an incubator, which makes nests, and a zygote, which forks
 * programs into them. Both live in the environment's own user namespace and read-only tree, with no right outside. */
#pragma once

#include "broker/watchdog.h"
#include "common/config.h"
#include "common/error.h"

#include <sys/types.h>

/* A process of an environment, a child of the broker. */
struct maker {
    pid_t pid; /* 0: not running */
    int pidfd;
    int channel; /* non-blocking */
    int output;  /* read end of what it prints: a pipe, because the interpreter remembers what its streams were; the
                    incubator has none of its own */
    struct watchdog watchdog;
};

#define MAKER_NONE ((struct maker){.pidfd = -1, .channel = -1, .output = -1})

/* What every start needs, found once. Strings and descriptors belong to the struct, for the life of the broker. */
struct environment_plan {
    const struct config_environment *config; /* outlives it */
    char *interpreter; /* what to exec */
    char **paths;      /* host paths that it needs besides the tree's own */
    size_t path_count;
    char *extension;   /* the extension module on the host */
    int incubator_binary, collector_binary;
    int seccomp;       /* the filter */
    /* The environment's ids, which nothing else on the machine has: first_id is its makers', then come two for each of its
     * sandboxes. */
    uint32_t first_id, slots;
    uint32_t landlock_min; /* the least Landlock ABI for its programs */
};

static inline uint32_t environment_id_count(uint32_t slots)
{
    return 1 + 2 * slots;
}

/* The id under which the program in the environment's slot number `place` runs. */
static inline uint32_t environment_program_id(const struct environment_plan *plan, uint32_t place)
{
    return plan->first_id + 2 + 2 * place;
}

/* Finds the interpreter's paths (asking it, when it is not the system's), our own files, and makes the filter. */
int environment_plan(struct environment_plan *plan, const struct config_environment *config, uint32_t first_id, uint32_t slots,
                     struct error *err);

/* Releases what a plan holds, complete or not; a plan of zero bytes holds nothing. */
void environment_plan_free(struct environment_plan *plan);

/* Starts both. 0; or -1 with `err`, with nothing left running but what reap_strangers() finds. That the interpreter is warm is told
 * by its first message. The launcher, for which the broker waits, may take `seconds`. */
int environment_start(struct maker *incubator, struct maker *zygote, const struct environment_plan *plan, unsigned seconds, struct error *err);

/* Starts another zygote beside the one that runs, in the incubator's user namespace and tree, with a set of the modules of `learn`,
 * or with 0, as the first one is. 0; or -1 with `err`. */
int environment_start_zygote(struct maker *zygote, const struct maker *incubator, const struct environment_plan *plan,
                             uint32_t modules, struct error *err);

/* Kills and reaps it and closes its descriptors. Sandboxes that it made live on: they are the broker's. */
void maker_stop(struct maker *maker);
