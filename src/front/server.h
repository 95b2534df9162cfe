/* server.h: what the whole front shares: the loop, the listening socket, the connections' timeouts, the pool. */
#pragma once

#include "common/config.h"
#include "front/deadline.h"
#include "front/http_reader.h"
#include "front/list.h"

#include <uv.h>

struct environments;
struct keys;
struct metrics;
struct pool;

struct server {
    const struct config *config;
    uv_loop_t *loop;
    struct pool *pool;
    struct metrics *metrics;
    struct keys *keys;
    struct environments *environments;
    const char *isolation; /* JSON */
    const char *openapi;
    size_t openapi_size;

    int listen_fd; /* -1 when it is closed */
    uv_poll_t listen_poll;
    bool accept_paused; /* no descriptors: tried again at the next tick */
    uv_timer_t tick;
    struct list connections;
    struct http_bodies bodies; /* of all connections */
    int64_t connection_count, connections_max;
    struct deadline_class head_deadlines, body_deadlines, idle_deadlines, write_deadlines, linger_deadlines,
        heartbeat_deadlines;
    bool draining; /* finish what runs, then end */
    bool stopping; /* nobody takes over: idle connections are not waited for */
};

/* Prepares to accept on `listen_fd`. 0, or -1 with `err`. */
int server_start(struct server *server, int listen_fd, struct error *err);

/* Starts to accept. */
void server_accept(struct server *server);

/* Stops accepting; another front has the listening socket, too. Each connection's next answer is its last, and one on which
 * nothing is asked for some seconds is closed. The loop ends when all are gone. */
void server_retire(struct server *server);

/* As server_retire(), but closes idle connections at once. */
void server_drain(struct server *server);

/* A connection has gone: ends the loop when it was the last one of a draining server. */
void server_connection_closed(struct server *server);
