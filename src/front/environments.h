/* environments.h: what the broker has told of each environment: whether it is warm, its Python, what is installed. */
#pragma once

#include "common/channel.h"
#include "common/config.h"
#include "front/run.h"

#include <stdbool.h>

struct environments;

/* Nothing is known yet. NULL when memory is out. `config` outlives it. */
struct environments *environments_new(const struct config *config);

/* Takes a MESSAGE_ENVIRONMENT and what its descriptor holds; the descriptor stays the message's. */
void environments_told(struct environments *environments, const struct message *message);

/* Takes a MESSAGE_LEARNED. */
void environments_learned(struct environments *environments, const struct message_learned *learned);

/* The modules of the environment's `learn` that are installed there, as a set of common/modules.h; 0: none, or nothing is learned. */
uint32_t environment_learnable(const struct environments *environments, size_t environment);

/* The sets of them that it has interpreters for. */
const struct message_learned *environment_learned(const struct environments *environments, size_t environment);

bool environment_is_warm(const struct environments *environments, size_t environment);

/* Its Python's version; "" before it was warm once. */
const char *environment_python(const struct environments *environments, size_t environment);

/* Calls `each` for every installed distribution. `name` and `version` do not end in NUL. */
void environment_packages(const struct environments *environments, size_t environment,
                          void (*each)(void *data, const char *name, size_t name_size, const char *version, size_t version_size),
                          void *data);

/* Whether the module, a top-level name, can be imported there. False also where that is not known. */
bool environment_has_module(const struct environments *environments, size_t environment, const char *module);

/* Where the run ended in ModuleNotFoundError: stores in run->hint which environments have the module, if any has. */
void environments_hint(const struct environments *environments, struct run *run, const struct message_run_ended *end);
