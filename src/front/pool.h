/* pool.h: the sandboxes that the broker has announced, the runs in them, and the requests that wait for one. */
#pragma once

#include "common/config.h"
#include "front/broker_link.h"
#include "front/run.h"

/* Watches the channel to the broker. `broker_gone` is called when it has ended. 0, or -1 with `err`. */
struct pool *pool_start(const struct config *config, uv_loop_t *loop, int channel, void (*broker_gone)(void),
                        struct error *err);

/* Starts the run now or when a sandbox is free. False: too many wait already; the run is still the caller's. */
bool pool_submit(struct pool *pool, struct run *run);

/* Nobody wants the run any more: removes it if it waits, has it killed if it runs. It is freed in time. */
void pool_cancel(struct pool *pool, struct run *run);

/* Whole seconds after which a sandbox is likely to be free for one more request. */
unsigned pool_retry_after(const struct pool *pool);
