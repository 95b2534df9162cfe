/* admission.h: whether a request may wait for a sandbox, and for how long that is likely to be. */
#pragma once

#include <stdint.h>

/* Why a request was not taken. */
enum refusal { REFUSED_NOT, REFUSED_QUEUE_FULL, REFUSED_KEY_QUEUE, REFUSED_KEY_RATE, REFUSED_WAIT };

/* What was seen of late; all in seconds. */
struct pace {
    uint64_t runs;
    double run;              /* the mean run */
    double between;          /* starts of runs that waited; 0: none did since the queue was last empty */
    uint64_t last_start_ns;  /* of one that waited, or when the first began to wait */
};

void pace_run_ended(struct pace *pace, uint64_t wall_ns);
void pace_queue_begins(struct pace *pace, uint64_t now_ns);
void pace_waiting_started(struct pace *pace, uint64_t now_ns);

/* Seconds until the `position`-th of those that wait starts, with that many runs at the same time. */
double pace_wait(const struct pace *pace, int64_t position, int64_t lanes);

/* Seconds that a client is willing to wait by its Prefer header ("wait=10"), at most `most`. */
double prefer_wait(const char *prefer, double most);

/* For a Retry-After header: whole seconds, at least 1. */
unsigned retry_after(double seconds);
