/* generation.h: one broker and all that is below it, as the supervisor sees it. Generations follow one another: the next one
 * starts beside the one that serves, and takes over when it is ready. Each has a place, and with it user ids of its own. */
#pragma once

#include "broker/watchdog.h"
#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct seat;

/* Two would do; a generation with a run that takes long does not keep the others waiting. */
enum { GENERATIONS_MAX = 4 };

struct generation {
    pid_t pid; /* 0: the place is free */
    int control;
    unsigned serial;
    uint64_t since;     /* CLOCK_MONOTONIC, ns */
    bool ready;
    unsigned version;   /* SEAT_VERSION of its binary, once it is ready */
    bool pongs;         /* it answers "ping"; one of an older binary does not */
    struct watchdog watchdog;
    char failure[ERROR_TEXT_MAX]; /* what it said before it ended; "" */
};

/* Executes `path` with `argv`; of `seat` the control socket is filled in. 0, or -1 with `err`. What goes wrong behind the fork the
 * generation says. */
int generation_start(struct generation *generation, const char *path, char *const argv[], struct seat *seat, struct error *err);

/* It has ended: reaps nothing, closes its socket. */
void generation_clear(struct generation *generation);
