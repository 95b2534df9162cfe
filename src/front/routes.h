/* routes.h: the table of paths. */
#pragma once

struct connection;

/* Answers the connection's request, now or later. */
void route_request(struct connection *connection);
