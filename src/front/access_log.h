/* access_log.h: one line for each answered request, where the setting access-log asks for it. */
#pragma once

#include "front/http_reader.h"

#include <stdint.h>
#include <uv.h>

enum { ACCESS_GONE = 499 /* the client went away before it was answered */ };

/* `bytes`: of the answer's body, as far as it is known. */
void access_log(const uv_tcp_t *client, const struct http_request *request, int status, uint64_t received_ns, uint64_t bytes);
