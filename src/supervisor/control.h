/* control.h: how `hatchery reload` speaks with the supervisor: a socket with a name that is made of `listen`, in the network
 * namespace's own space of names, so that no file has to be written. Only root, or who the service runs as, is listened to. */
#pragma once

#include "common/error.h"

#include <stdbool.h>

enum { CONTROL_LINE_MAX = 1024 };

/* The supervisor's side. A socket that clients connect to, or -1 with `err`. */
int control_open(const char *listen, struct error *err);

/* One client that has asked; *binary: for the next generation in any case. Its socket, or -1: there is none (any more). */
int control_accept(int control, bool *binary);

/* "ok TEXT" or "failed TEXT", and closes. */
void control_answer(int client, bool ok, const char *text);

/* The client's side: asks, waits, and has the answer's text in `text`. 0, or -1 with `err`, also where the service has failed to. */
int control_ask(const char *listen, bool binary, char text[CONTROL_LINE_MAX], struct error *err);
