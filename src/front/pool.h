/* pool.h: the sandboxes that the broker has announced, the runs in them, and the requests that wait for one. */
#pragma once

#include "common/config.h"
#include "front/admission.h"
#include "front/broker_link.h"
#include "front/environments.h"
#include "front/run.h"
#include "front/server.h"

/* Watches the channel to the broker. `broker_gone` is called when it has ended. NULL, with `err`, on failure. */
struct pool *pool_start(struct server *server, int channel, void (*broker_gone)(void), struct error *err);

/* Starts the run now or when a sandbox is free and it is its key's turn. Otherwise why not, and in `seconds` how long that is
 * likely to stay so; the run is still the caller's. */
enum refusal pool_submit(struct pool *pool, struct run *run, double *seconds);

/* Seconds that one more request of the key is likely to wait. */
double pool_wait(const struct pool *pool, const struct api_key *key);

/* Now and then: what has waited too long is told so. */
void pool_tick(struct pool *pool);

/* Nobody wants the run any more: removes it if it waits, has it killed if it runs. It is freed in time. */
void pool_cancel(struct pool *pool, struct run *run);

/* The run of this id that waits or runs, or NULL. */
struct run *pool_find(const struct pool *pool, const char *id);

/* Ends the run as cancelled: its `ended` is called, at once if it was waiting. */
void pool_end(struct pool *pool, struct run *run);

/* Whoever gets the output of the run as it comes wants more of it. */
void pool_resume(struct pool *pool, struct run *run);

/* Why a run of the default environment would not start now; NULL: it would. */
const char *pool_unready(const struct pool *pool);

/* Somebody will want the environment: it is started if it is at rest. */
void pool_wake(struct pool *pool, uint32_t environment);

struct pool_state {
    uint64_t running, waiting, ready[CONFIG_ENVIRONMENTS_MAX], learned[CONFIG_ENVIRONMENTS_MAX] /* ready, with learned modules */;
};
void pool_look(const struct pool *pool, struct pool_state *state);

/* Asks the broker for a MESSAGE_STATS, which metrics_told() gets. */
void pool_ask_stats(struct pool *pool);
