/* deadline.h: timeouts by class. Every deadline of a class lasts the same time, so a class is a list in order of
 * expiry: starting and stopping one is a few pointers, and one coarse timer serves all connections. */
#pragma once

#include "front/list.h"

#include <stdint.h>

struct deadline {
    struct list link;
    uint64_t at; /* milliseconds, on the loop's clock */
};

struct deadline_class {
    struct list running;
    uint64_t duration; /* milliseconds */
};

void deadline_class_init(struct deadline_class *class, double seconds);
void deadline_init(struct deadline *deadline);

/* From now on they last so long; those that run end no later than if they began now. */
void deadline_class_shorten(struct deadline_class *class, double seconds, uint64_t now);

/* Starts, or starts anew, also from another class. */
void deadline_start(struct deadline_class *class, struct deadline *deadline, uint64_t now);
void deadline_stop(struct deadline *deadline);

/* Stops and returns one deadline that has passed, or NULL. */
struct deadline *deadline_expired(struct deadline_class *class, uint64_t now);
