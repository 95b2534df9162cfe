/* routes.h: the table of paths. */
#pragma once

#include <stdbool.h>

struct connection;

/* Whether the body of the connection's request, of which only the head is there, is to be read. False: it is answered. */
bool route_admits_body(struct connection *connection);

/* Answers the connection's request, now or later. */
void route_request(struct connection *connection);
