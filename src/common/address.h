/* address.h: "HOST:PORT" and "[IPv6]:PORT", as the setting `listen` has them. */
#pragma once

#include "common/error.h"

#include <netdb.h>
#include <stdbool.h>

/* What the address stands for, to listen on or, where `to_connect`, to reach a service that listens there: a wildcard is then
 * the loopback. The caller frees it with freeaddrinfo(). NULL with `err`. */
struct addrinfo *address_find(const char *address, bool to_connect, struct error *err);
