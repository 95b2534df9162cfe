/* process_table.h: what the kernel knows of processes, for a broker that is fuzzed: entries of a table.
 * The calls that the linker wraps (meson.build) are answered from it, and it is a bug of the broker to signal or to wait for anybody
 * but its own children that it has not reaped. Time passes with each look at the clock. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    CHILDREN_MAX = 512,
    CHILD_FIRST = 5000000, /* no process of this machine has such a number */
    IDS = 1000,            /* of an environment; an even child is of the first one, an odd of the second */
    MS = 1000000
};

#define FIRST_ID 0xf0000000u

struct child {
    bool there, dead;
    int status;
};

extern struct child children[CHILDREN_MAX];
extern size_t child_count;
extern uint64_t clock_ns;

/* NULL: there is none, or it has been reaped. */
struct child *child_of(pid_t pid);

/* -1: there have been CHILDREN_MAX. */
pid_t child_new(void);

/* A new one. */
int child_pidfd(struct child *child);

/* `status` as of wait(2). */
void child_die(struct child *child, int status);
