/* guard.h: who may ask: the Host header (against pages that rebind a name to this address), and the Origin header (against
 * pages of elsewhere, and for those that are let in). */
#pragma once

#include <stdbool.h>

struct connection;

/* True when the request may go on to its route. Otherwise it has been answered: 421 for a foreign Host, 403 for a foreign
 * Origin, and every CORS preflight. */
bool guard_admits(struct connection *connection);

/* True when the request has a key, or needs none; the connection then knows whose it is. Otherwise it has been answered: 401. */
bool guard_knows(struct connection *connection);
