/* stream.h: the answer to a run as a stream: what the program prints as it prints it, and the whole answer at the end.
 *
 * Server-sent events ("event: stdout", "data: {"text":...}") or lines of JSON ({"type":"stdout","text":...}): `started`
 * with the run's id, `stdout` and `stderr`, and `result`, or `error` when the service failed. While there is nothing to
 * say a heartbeat is. The bytes between the program and the client are few: while the client is behind, the pipes are
 * not read, and the program waits in its write. */
#pragma once

#include "front/connection.h"
#include "front/run.h"

enum stream_format {
    STREAM_NONE, /* the client wants one JSON object */
    STREAM_EVENTS,
    STREAM_LINES
};

/* What an Accept header asks for: the type with the highest weight, the first of equals; a wildcard means JSON. */
enum stream_format stream_format(const char *accept);

/* Makes the run's answer a stream on the connection, from its start to its end. Before pool_submit(). False: no memory. */
bool stream_attach(struct connection *connection, struct run *run, enum stream_format format);

/* The run is not taken, or has waited too long: the connection, which can be answered as if nothing had been. */
struct connection *stream_detach(struct run *run);

/* Whether the run's stream has begun, so that its connection cannot be answered in another way any more. */
bool stream_has_begun(const struct run *run);

/* A stream's heartbeat deadline has passed. */
void stream_heartbeat(struct deadline *deadline);
