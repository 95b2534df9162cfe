/* request_id.h: what a request is called in the logs, in X-Request-Id, and, if it is a run, in DELETE /runs/{id}. */
#pragma once

#include <stdbool.h>

enum { REQUEST_ID_MAX = 64 };

/* Whether a client's name for its request can be ours: 1 to REQUEST_ID_MAX letters, digits, '.', '_' and '-'. */
bool request_id_valid(const char *id);

/* A random one of 32 hexadecimal digits. */
void request_id_make(char id[REQUEST_ID_MAX + 1]);
