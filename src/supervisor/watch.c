/* watch.c: see watch.h. What hanging is: broker/watchdog.h. A generation that has not become ready has START_NS in supervisor.c. */
#include "supervisor/watch.h"

#include "broker/seat.h"
#include "common/log.h"
#include "supervisor/manager.h"

#include <signal.h>

enum { WHY_MAX = 64 };

static void watch_generation(struct generation *g)
{
    char why[WHY_MAX];
    const enum watchdog_duty duty = g->pongs ? WATCHDOG_ANSWERS : WATCHDOG_IDLE; /* until it is ready it only may not be stopped */
    const enum watchdog_news news = watchdog_tick(&g->watchdog, g->pid, duty, why, sizeof why);
    if (news == WATCHDOG_ASK) {
        seat_say(g->control, "ping");
    } else if (news == WATCHDOG_HANGS) {
        log_event(LOG_ERROR, "broker.hangs", LOG_I("pid", g->pid), LOG_S("why", why));
        kill(g->pid, SIGKILL);
    }
}

/* Whoever did not run for a while, all of us or the supervisor alone, was not late. */
static void excuse(struct supervisor *s, uint64_t ns)
{
    if (s->next != NULL)
        s->next->since += ns;
}

uint64_t watch(struct supervisor *s, uint64_t now)
{
    if (s->watch_at == 0)
        s->watch_at = now + WATCHDOG_TICK_NS;
    if (s->watch_at > now)
        return s->watch_at;
    if (now - s->watch_at >= WATCHDOG_TICK_NS)
        excuse(s, now - s->watch_at);
    s->watch_at = now + WATCHDOG_TICK_NS;
    manager_watched(now);
    for (int i = 0; i < GENERATIONS_MAX; i++)
        if (s->generations[i].pid != 0)
            watch_generation(&s->generations[i]);
    return s->watch_at;
}
