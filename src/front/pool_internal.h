/* pool_internal.h: what pool.c, the requests' side of the pool, and pool_broker.c, the broker's side, have in common. */
#pragma once

#include "front/pipes.h"
#include "front/pool.h"
#include "front/queue.h"
#include "front/run_table.h"

enum { SLOTS_MAX = 65536 };

struct pool {
    struct server *server;
    const struct config *config;
    struct broker_link link;
    struct pipes pipes;
    struct sandbox *slots[SLOTS_MAX];
    /* Of each environment, in the order of the settings. */
    struct list ready[CONFIG_ENVIRONMENTS_MAX];
    struct list learned[CONFIG_ENVIRONMENTS_MAX]; /* ready, too, with learned modules */
    struct queue queue;
    struct pace pace;
    struct run_table runs;
    int64_t running;
};

/* Closes what it has; nobody can ask for it any more. */
void pool_free_sandbox(struct pool *pool, struct sandbox *sandbox);

/* Starts the run in its sandbox. False: the sandbox is of no use, and is gone; the run has not begun. */
bool pool_begin(struct pool *pool, struct run *run, struct sandbox *sandbox);

/* Starts those that wait and may, now that something has changed. */
void pool_start_waiting(struct pool *pool);

/* Answers a run that was cancelled before it had a sandbox, and frees it. */
void pool_end_unstarted(struct run *run);

/* All that there will be of the run is there: it is answered. */
void pool_finish(struct pool *pool, struct sandbox *sandbox);

void pool_log_end(const struct run *run, const struct message_run_ended *end);

/* broker_link.h calls it for each message; `data` is the pool. */
void pool_on_message(void *data, struct message *message);
