/* state.h: what the supervisor knows; for supervisor.c, and handover.c, which gives it to the next binary. */
#pragma once

#include "supervisor/generation.h"
#include "supervisor/supervisor.h"

#include <limits.h>

enum { ASKERS_MAX = 16 };

struct supervisor {
    const struct supervised *what;
    struct config *config; /* in force */
    int settings;          /* the same in a memory file */
    char path[PATH_MAX];   /* the binary's */
    int listen, control, signals;
    bool given; /* the service manager's own socket */
    bool inner, proc_masked;
    int64_t first_uid;

    struct generation generations[GENERATIONS_MAX];
    struct generation *current, *next; /* that serves, that starts; NULL */
    struct generation *leaving;        /* that may still accept a connection; NULL */
    uint64_t leaving_by;               /* or is not waited for any more */
    unsigned serial;
    uint64_t restarts;
    uint64_t retry_at, backoff; /* after the death of the one that served */

    bool wanted, wants_binary; /* a reload was asked for and has not begun */
    bool waits;                /* and cannot yet: told in the log */
    bool reloading;            /* `next` is one */
    bool new_binary;           /* of another binary than ours */
    bool keys_asked;           /* the broker owes an answer */
    int fresh_settings;        /* what it will serve by; -1 */
    struct config fresh;       /* the same, where we have read it; otherwise without an environment */
    bool replaces;             /* the new binary is to become this process when nothing else is to be done */
    int askers[ASKERS_MAX], asker_count, answerable; /* who wait; so many of them for what goes on now */

    bool served; /* one has been ready */
    bool stopping;
    uint64_t stop_at;
    uint64_t watch_at;
    int status;
};
