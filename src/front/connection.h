/* connection.h: one client connection: reads requests, hands each to its route, writes the answers in order. */
#pragma once

#include "front/http_reader.h"
#include "front/response.h"
#include "front/server.h"

struct api_key;
struct connection;

/* Takes over an accepted, non-blocking socket. */
void connection_open(struct server *server, int fd);

/* A deadline of the connection has passed. */
void connection_expired(struct deadline *deadline);

/* Closes the connection (a link of server->connections) if it is between requests and nothing of the next one has arrived; else after its answer. */
void connection_drain(struct list *link);

/* For the route that handles the current request, until it answers: */
struct server *connection_server(struct connection *connection);
struct http_request *connection_request(struct connection *connection);
struct api_key *connection_key(struct connection *connection); /* whose request it is; until the route returns */
void connection_set_key(struct connection *connection, struct api_key *key);
struct response *connection_response(struct connection *connection); /* fill it, then connection_answer() */
uint64_t connection_received(const struct connection *connection);   /* uv_hrtime() of the complete request */

/* Says whom to call, once, if the client goes away before the answer. NULL takes it back. */
void connection_on_gone(struct connection *connection, void (*gone)(void *data), void *data);

/* Sends the response. The route is done with the connection. */
void connection_answer(struct connection *connection);

/* An answer whose body is not known yet: begin with the response's head, write pieces as they come, end with the last
 * one. Any of them may find the connection broken, which calls `gone`. A write that returns false has taken the bytes, too,
 * but the client is behind: write nothing more that can wait until `writable` is called. */
void connection_stream_begin(struct connection *connection, void (*writable)(void *data));
bool connection_stream_write(struct connection *connection, const void *bytes, size_t size);
void connection_stream_end(struct connection *connection, const void *bytes, size_t size);
