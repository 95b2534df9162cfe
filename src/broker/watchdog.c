/* watchdog.c: see watchdog.h. Runs in the supervisor, for brokers, and in the broker, for the rest. */
#include "broker/watchdog.h"

#include "broker/process.h"

#include <stdio.h>

void watchdog_heard(struct watchdog *watchdog)
{
    *watchdog = (struct watchdog){.heard = true};
}

enum watchdog_news watchdog_tick(struct watchdog *watchdog, pid_t pid, enum watchdog_duty duty, char *why, size_t size)
{
    uint64_t cpu_ms = watchdog->cpu_ms;
    if (watchdog->heard) {
        *watchdog = (struct watchdog){.duty = duty};
        return WATCHDOG_WELL;
    }
    const char state = process_state(pid, &cpu_ms);
    if (!watchdog->asked || watchdog->duty != duty) { /* what has changed is what it owes, not that it stands still */
        const unsigned still = state == 'T' ? watchdog->still + 1 : 0;
        *watchdog = (struct watchdog){.duty = duty, .asked = true, .still = still, .cpu_ms = cpu_ms, .asked_cpu_ms = cpu_ms};
        return WATCHDOG_ASK;
    }
    const bool still = state == 'T' || (duty == WATCHDOG_ANSWERS && state == 'S' && cpu_ms == watchdog->cpu_ms);
    watchdog->cpu_ms = cpu_ms;
    watchdog->still = still ? watchdog->still + 1 : 0;
    watchdog->ticks++;
    const uint64_t busy = (cpu_ms - watchdog->asked_cpu_ms) / 1000;
    if (watchdog->still >= WATCHDOG_STILL_TICKS)
        snprintf(why, size, state == 'T' ? "is stopped" : "is asleep and does not answer");
    else if (duty == WATCHDOG_STARTS && watchdog->ticks >= WATCHDOG_START_TICKS)
        snprintf(why, size, "is not warm after %u s", watchdog->ticks);
    else if (duty == WATCHDOG_ANSWERS && busy >= WATCHDOG_BUSY_SECONDS)
        snprintf(why, size, "has been busy for %u s and does not answer", (unsigned)busy);
    else
        return WATCHDOG_WELL;
    return WATCHDOG_HANGS;
}
