/* watchdog.h: tells a process that hangs from one that only waits for its turn. Who watches asks something once a tick, when nothing
 * was heard since the last one, and looks at the process as long as it owes the answer.
 *
 * Time alone proves nothing: the machine may be busy, or the watcher itself may have been stopped, with all others or alone. So only
 * what it has seen counts: looks at a process that does not run (stopped, or asleep with a message to read), of which there is one a
 * tick of the watcher's own, or processor time that the process has used instead of answering. One that waits for a core or for
 * the disk, or that a debugger holds, does neither. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WATCHDOG_TICK_NS 1000000000ULL
enum {
    WATCHDOG_STILL_TICKS = 5,  /* looks in a row; what is asleep with a message to read wakes within a second on any machine */
    WATCHDOG_BUSY_SECONDS = 30, /* of processor time; the dearest thing that a client can ask of the front is over in a few */
    WATCHDOG_START_TICKS = 100 /* for an interpreter that imports what it wants to: less than a generation may take to be ready */
};

enum watchdog_duty {
    WATCHDOG_ANSWERS,
    WATCHDOG_STARTS, /* may sleep and work as it likes, for WATCHDOG_START_TICKS */
    WATCHDOG_IDLE    /* owes nothing; yet one that is stopped is of no use */
};

struct watchdog {
    enum watchdog_duty duty; /* at the last tick */
    bool heard;              /* since then */
    bool asked;
    unsigned still, ticks;
    uint64_t cpu_ms, asked_cpu_ms; /* at the last look, and when it was asked */
};

enum watchdog_news {
    WATCHDOG_WELL,
    WATCHDOG_ASK, /* ask it something */
    WATCHDOG_HANGS
};

/* Something came from it. */
void watchdog_heard(struct watchdog *watchdog);

/* Once a tick. In `why` (for logs), where it hangs. */
enum watchdog_news watchdog_tick(struct watchdog *watchdog, pid_t pid, enum watchdog_duty duty, char *why, size_t size);
