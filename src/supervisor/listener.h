/* listener.h: the socket that clients connect to. */
#pragma once

#include "common/error.h"

/* Binds and listens on "HOST:PORT". Non-blocking; -1 with `err`. */
int listener_open(const char *address, struct error *err);
