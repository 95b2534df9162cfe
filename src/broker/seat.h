/* seat.h: what the supervisor gives a broker when it starts one, and what the two tell each other.
 *
 * They may be of different versions, so all of it is text. The seat is one environment variable of words "name=number". On the
 * control socket each packet is a line:
 *
 *   broker > supervisor   "ready V pongs" (V: SEAT_VERSION; pongs: it answers "ping"), "failed REASON" (it ends then), "keys ok",
 *                         "keys failed REASON", "retired" (it accepts nothing any more), "pong"
 *   supervisor > broker   "keys": read the keys file again; "retire": another generation serves from now on; "ping": is it still there?
 *
 * SIGTERM ends the broker as it always did. The end of the socket is the supervisor's, and ends it at once. */
#pragma once

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

#define SEAT_VARIABLE "_HATCHERY_SEAT"

enum {
    SEAT_VERSION = 1,      /* of struct handover in supervisor.c */
    SEAT_LINE_MAX = 1024
};

struct seat {
    int control, listen; /* descriptors */
    int settings;        /* memory file; an empty one: they are read as ever, and written there */
    int64_t first_uid;   /* of its ids, which no other generation has */
    uint64_t restarts;   /* brokers that have died before it */
    bool proc_masked;    /* see inner_root.h */
    bool holds;          /* another generation serves until this one is ready */
};

/* Takes it from the environment. False: nobody has given one. */
bool seat_take(struct seat *seat);

/* The number behind "name=" among such words. */
int64_t seat_number(const char *words, const char *name, int64_t otherwise);

/* Writes the variable's value. */
void seat_print(const struct seat *seat, char *text, int size);

/* One line to the other side; what cannot be sent is lost. */
void seat_say(int control, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One line, without waiting: its length; 0 at the end; -1 with errno. */
long seat_hear(int control, char line[SEAT_LINE_MAX]);
