/* load.h: sends one request to a service again and again, from many clients, and measures the answers. */
#pragma once

#include "common/error.h"

#include <netdb.h>
#include <stddef.h>
#include <stdint.h>

enum { LOAD_CLIENTS_MAX = 1024 };

struct load_plan {
    const struct addrinfo *address;
    const char *request; /* head and body, as they are sent */
    size_t request_size;
    const char *expected; /* an answer that does not contain it in its first 64 KiB is wrong; NULL: any will do */
    size_t clients;       /* each has a connection, which is kept, and one request under way */
    double seconds;       /* no request is sent after that; those under way are waited for */
    double rest;          /* seconds between an answer and the client's next request */
};

struct load_result {
    uint64_t good;    /* 200, and as expected */
    uint64_t refused; /* 429 or 503: the service says that it has too much to do */
    uint64_t wrong;   /* anything else */
    uint64_t broken;  /* the connection ended before the answer did */
    double seconds;
    double *latencies; /* of the good ones, ascending; load_result_free() */
};

/* -1 with `err` where no connection can be made, or nothing is answered for a minute. */
int load_run(const struct load_plan *plan, struct load_result *result, struct error *err);
void load_result_free(struct load_result *result);

/* The latency that the part `q` of the good answers did not exceed; 0 where there is none. */
double load_quantile(const struct load_result *result, double q);
