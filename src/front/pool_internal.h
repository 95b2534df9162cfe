/* pool_internal.h: what pool.c, the requests' side of the pool, and pool_broker.c, the broker's side, have in common. */
#pragma once

#include "front/pipes.h"
#include "front/pool.h"
#include "front/queue.h"
#include "front/run_table.h"

enum { SLOTS_MAX = 65536 };

/* What is known of a learned set's sandboxes. */
struct learned_lane {
    uint64_t making_ns;  /* what making one takes, smoothed; 0: none was made */
    uint64_t missing_ns; /* since when runs wait for one though there are places to run in; 0: that is not so */
    bool absent;         /* none came in time: until one does, nobody waits for it */
};

struct pool {
    struct server *server;
    const struct config *config;
    struct broker_link link;
    struct pipes pipes;
    struct sandbox *slots[SLOTS_MAX];
    /* Of each environment, in the order of the settings. */
    struct list ready[CONFIG_ENVIRONMENTS_MAX];
    struct list learned[CONFIG_ENVIRONMENTS_MAX]; /* ready, too, with learned modules */
    struct learned_lane lanes[CONFIG_ENVIRONMENTS_MAX][LEARNED_MAX];
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

/* The ready sandbox that has most of what the program begins with, and nothing that it does not import; else a plain one, unless the
 * run waits for a learned set's; NULL: there is none. */
struct sandbox *pool_best_for(const struct pool *pool, const struct run *run);

/* Tells the broker that so many runs wait: for a sandbox that serves the modules, or, 0, for a plain one. */
void pool_tell_waiting(struct pool *pool, uint32_t environment, uint32_t modules, uint32_t count);

/* pool_lanes.c */
/* Puts a run for which no sandbox is ready into a lane: that of the learned set that serves it best, where that is worth the wait. */
void pool_choose_lane(const struct pool *pool, struct run *run, uint64_t now_ns);
/* A sandbox of a learned set has become ready. */
void pool_lane_made(struct pool *pool, uint32_t environment, const struct sandbox *sandbox);
/* The environment's learned sets are these now. */
void pool_lanes_told(struct pool *pool, const struct message_learned *learned);
/* Who has waited for long enough goes to the plain lane. */
void pool_lanes_tick(struct pool *pool, uint64_t now_ns);

/* Answers a run that was cancelled before it had a sandbox, and frees it. */
void pool_end_unstarted(struct run *run);

/* All that there will be of the run is there: it is answered. */
void pool_finish(struct pool *pool, struct sandbox *sandbox);

void pool_log_end(const struct run *run, const struct message_run_ended *end);

/* broker_link.h calls it for each message; `data` is the pool. */
void pool_on_message(void *data, struct message *message);
