/* watch.c: the broker looks after its own processes: who owes an answer and hangs is ended, and then replaced like one that has died.
 * See watchdog.h. The front is asked when it has said nothing for a second; the makers are asked enough by their work. */
#include "broker/core.h"
#include "common/log.h"

#include <signal.h>
#include <stdio.h>

enum { WHY_MAX = 64 };

static void watch_front(struct broker *broker)
{
    char why[WHY_MAX];
    if (broker->client == 0 || broker->listen_fd < 0) /* the runner reads nothing while a program runs */
        return;
    const enum watchdog_news news = watchdog_tick(&broker->client_watchdog, broker->client, WATCHDOG_ANSWERS, why, sizeof why);
    if (news == WATCHDOG_ASK) {
        broker->ping_unsent = true;
        client_flush(broker);
    } else if (news == WATCHDOG_HANGS) {
        log_event(LOG_ERROR, "front.hangs", LOG_I("pid", broker->client), LOG_S("why", why));
        kill(broker->client, SIGKILL); /* its end is then told like any other */
    }
}

static bool owes_nest(const struct environment *env)
{
    for (uint32_t i = 0; i < env->slot_count; i++)
        if (env->slots[i].nest_pending)
            return true;
    return false;
}

static enum watchdog_duty owes(bool an_answer)
{
    return an_answer ? WATCHDOG_ANSWERS : WATCHDOG_IDLE;
}

static void watch_maker(struct broker *broker, struct environment *env, struct maker *maker, const char *name, enum watchdog_duty duty)
{
    char why[WHY_MAX + 32], how[WHY_MAX];
    if (maker->pid == 0 || watchdog_tick(&maker->watchdog, maker->pid, duty, how, sizeof how) != WATCHDOG_HANGS)
        return;
    snprintf(why, sizeof why, "the %s %s", name, how);
    environment_maker_hangs(broker, env, maker, why);
}

void broker_look_after(struct broker *broker, uint64_t now)
{
    const uint64_t late = now - broker->watch_at;
    broker->watch_at = now + WATCHDOG_TICK_NS;
    if (late >= WATCHDOG_TICK_NS)
        slots_excuse(broker, late);
    watch_front(broker);
    for (uint32_t i = 0; i < broker->environment_count; i++) {
        struct environment *env = &broker->environments[i];
        watch_maker(broker, env, &env->incubator, "incubator", owes(owes_nest(env)));
        watch_maker(broker, env, &env->old, "interpreter before this one", owes(environment_owes(env, SET_PLAIN, env->zygote_serial - 1)));
        watch_maker(broker, env, &env->next, "interpreter", WATCHDOG_STARTS);
        if (env->warm) {
            rotation_zygote_holds(env, resident_bytes(env->zygote.pid), now);
            replaced_look(env, now);
        }
        watch_maker(broker, env, &env->zygote, "interpreter", env->warm ? owes(environment_owes(env, SET_PLAIN, env->zygote_serial)) : WATCHDOG_STARTS);
        for (uint32_t set = 1; set <= SETS_MAX; set++)
            watch_maker(broker, env, &env->sets[set].zygote, "interpreter", owes(environment_owes(env, set, env->sets[set].serial)));
    }
}
