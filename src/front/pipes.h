/* pipes.h: watches what the sandboxes of the runs have to say: one epoll set for all of them.
 *
 * One event at a time: who has read asks for the next. A run whose output is not passed on as it comes rests for a moment
 * first: what a short one prints fits into the pipes and is read when it has ended. After an event with little in it a run
 * rests, too, so that a program that prints line by line does not cost a wake-up for every line. */
#pragma once

#include "front/run.h"

#include <uv.h>

struct pipes {
    int epoll;
    uv_poll_t poll;
    struct list resting; /* runs, by `link` */
    uv_timer_t rest_timer;
    /* The sandbox of a slot, or NULL: an event names slot and generation, so a late one hits nothing. */
    struct sandbox *(*find)(void *data, uint32_t slot);
    void (*ready)(void *data, struct sandbox *sandbox, enum run_stream stream);
    void *data;
};

/* 0, or an error of libuv. `ready` is called for a sandbox that runs, and a stream of it that is open. */
int pipes_start(struct pipes *pipes, uv_loop_t *loop, struct sandbox *(*find)(void *data, uint32_t slot),
                void (*ready)(void *data, struct sandbox *sandbox, enum run_stream stream), void *data);

/* Asks for one event of a stream, if only because of what is there already. Nothing if it is closed. */
void pipes_watch(const struct pipes *pipes, struct sandbox *sandbox, enum run_stream stream);

/* The same of standard output and standard error, now, or after a moment's rest. */
void pipes_watch_output(const struct pipes *pipes, struct sandbox *sandbox);
void pipes_rest(struct pipes *pipes, struct run *run);
void pipes_forget(struct pipes *pipes, struct run *run); /* it is over */
