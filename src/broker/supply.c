/* supply.c: how many sandboxes of each environment stand ready, and when they are made. Runs in the broker.
 *
 * A ready sandbox serves a run that comes while another is being made. So what has to be ready is as many as runs come in
 * the time that making one takes, a "moment": the most of any moment lately, at least `pool` and at most `pool-max`. That
 * covers a steady stream, whose moments are alike, and bursts, whose next one may be as large as the last. What nobody has
 * needed for `pool-idle` is dropped. */
#include "broker/core.h"

#include <sched.h>
#include <string.h>

enum { MAKING_MAX = 8, SMOOTHING = 8, REST_IDLE_TIMES = 10 /* pool-idle, until an environment is put to rest */ };
#define FILL_DELAY_NS 1500000ULL
#define MOMENT_MIN_NS 5000000ULL
#define MOMENT_MAX_NS 1000000000ULL
#define HOLDS_GUESS (4ULL << 20) /* bytes of a ready sandbox, before one was looked at */

/* One that has a nest already, if there is any. */
static struct slot *free_slot(struct environment *env)
{
    struct slot *found = NULL;
    for (uint32_t i = 0; i < env->slot_count; i++) {
        struct slot *slot = &env->slots[i];
        if (slot->state == SLOT_FREE && slot->init != 0)
            return slot;
        if (slot->state == SLOT_FREE && found == NULL)
            found = slot;
    }
    return found;
}

/* Ready, and not to be dropped soon. */
static bool is_fresh(const struct environment *env, const struct slot *slot)
{
    return slot->state == SLOT_READY && slot->zygote == env->zygote_serial && !slot->unwanted;
}

static uint32_t count_fresh(const struct environment *env)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < env->slot_count; i++)
        count += is_fresh(env, &env->slots[i]);
    return count;
}

/* --- how many -------------------------------------------------------------------------------------------------------- */

static uint64_t holds(const struct environment *env)
{
    return env->supply.holds_bytes > 0 ? env->supply.holds_bytes : HOLDS_GUESS;
}

/* How many above the least the memory allows, as long as the other environments' stay what they are. */
static uint64_t allowed_above(const struct broker *broker, const struct environment *env)
{
    uint64_t left = (uint64_t)broker->config->pool_memory;
    for (uint32_t i = 0; i < broker->environment_count; i++) {
        const struct environment *other = &broker->environments[i];
        const uint32_t ready = other != env ? count_fresh(other) : 0;
        const uint64_t above = ready > other->config->pool ? ready - (uint64_t)other->config->pool : 0;
        left -= above * holds(other) < left ? above * holds(other) : left;
    }
    return left / holds(env);
}

static void new_period(const struct broker *broker, struct supply *supply, uint64_t now)
{
    const uint64_t period = (uint64_t)(broker->config->pool_idle * 1e9);
    if (now - supply->period_since < period)
        return;
    supply->needed_before = now - supply->period_since < 2 * period ? supply->needed : 0;
    supply->needed = 0;
    supply->period_since = now;
}

static uint64_t wanted(const struct broker *broker, struct environment *env, uint64_t now)
{
    struct supply *supply = &env->supply;
    const bool one = (env->config->pool == 0 && !env->served_once) /* that it can is shown once */ || (env->config->pool > 0 && (broker->retiring || broker->stopping));
    const uint64_t least = one ? 1 : (uint64_t)env->config->pool;
    new_period(broker, supply, now);
    uint64_t count = supply->needed > supply->needed_before ? supply->needed : supply->needed_before;
    if (count > (uint64_t)env->config->pool_max)
        count = (uint64_t)env->config->pool_max;
    if (count <= least)
        return least;
    const uint64_t most = least + allowed_above(broker, env);
    return count < most ? count : most;
}

/* One more run has come. */
static void note_need(struct environment *env, uint64_t now)
{
    struct supply *supply = &env->supply;
    const uint64_t moment = supply->making_ns < MOMENT_MIN_NS ? MOMENT_MIN_NS : supply->making_ns;
    if (now - supply->moment_since > (moment < MOMENT_MAX_NS ? moment : MOMENT_MAX_NS)) {
        supply->moment_since = now;
        supply->moment_starts = 0;
    }
    supply->moment_starts++;
    if (supply->moment_starts > supply->needed)
        supply->needed = supply->moment_starts;
}

/* --- making ---------------------------------------------------------------------------------------------------------- */

/* While nobody waits, one core is left to what runs. Where there are keys, the program of one key that starts at once in the
 * sandbox kept for it shares the cores with all that is being made for another key's crowd: then no more than keeps them busy. */
static uint32_t making_at_a_time(const struct broker *broker, const struct environment *env, uint32_t ready)
{
    static uint32_t cores;
    if (cores == 0) {
        cpu_set_t set;
        cores = sched_getaffinity(0, sizeof set, &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 1;
    }
    const bool wanted_now = ready == 0 || env->supply.waiting > 0, keys = broker->config->keys_file[0] != '\0';
    const uint32_t count = !wanted_now ? (cores > 2 ? cores - 1 : 1) : keys ? cores + 1 : MAKING_MAX;
    return count < MAKING_MAX ? count : MAKING_MAX;
}

void supply_fill(struct broker *broker, struct environment *env)
{
    uint32_t making = 0;
    if (!env->warm || broker->failed || broker->client_channel < 0)
        return;
    const uint64_t now = now_ns();
    if (env->making_failures > 0 && now < env->make_again_at) {
        env->fill_at = env->make_again_at;
        return;
    }
    slots_reclaim(env);
    for (uint32_t i = 0; i < env->slot_count; i++)
        making += env->slots[i].state == SLOT_NESTING || env->slots[i].state == SLOT_FORKING;
    const uint64_t enough = wanted(broker, env, now) + env->supply.waiting;
    const uint32_t ready = count_fresh(env);
    struct slot *slot;
    while (ready + making < enough && making < making_at_a_time(broker, env, ready) && env->warm && !broker->failed && (slot = free_slot(env)) != NULL) {
        slot_make(broker, slot);
        making++;
    }
}

void supply_fill_all(struct broker *broker)
{
    for (uint32_t i = 0; i < broker->environment_count; i++)
        supply_fill(broker, &broker->environments[i]);
}

/* What such a run waits for is made at once. */
void supply_run_waits(struct broker *broker, struct environment *env, uint32_t waiting)
{
    const uint32_t most = (uint32_t)broker->config->concurrency;
    const uint64_t now = now_ns();
    struct supply *supply = &env->supply;
    supply->used_at = now;
    if (waiting == 0 && supply->waiting == 0)
        supply->waiting = 1;
    for (uint32_t i = 0; i < waiting && supply->waiting < most; i++) {
        supply->waiting++;
        note_need(env, now);
    }
    environment_wake(broker, env);
    supply_fill(broker, env);
}

/* Most runs are over within a millisecond, and so are their answers: making the next sandbox and clearing away the last one
 * meanwhile would only take the core from them. Both wait a moment, and then come for several runs at once. Whoever finds no
 * sandbox ready does not wait for it: supply_run_waits(). */
void supply_run_started(struct broker *broker, struct environment *env, uint64_t now)
{
    env->supply.used_at = now;
    if (env->supply.waiting > 0)
        env->supply.waiting--; /* it was noted when it began to wait */
    else
        note_need(env, now);
    if (env->supply.waiting > 0)
        supply_fill(broker, env);
    else if (env->fill_at == 0)
        env->fill_at = now + FILL_DELAY_NS;
}

void supply_run_ended(struct environment *env, uint64_t now)
{
    if (env->fill_at == 0)
        env->fill_at = now + FILL_DELAY_NS;
}

/* What an earlier zygote has forked is used as long as it is all there is: one is dropped for each new one. */
static void drop_stale(struct environment *env)
{
    for (uint32_t i = 0; i < env->slot_count; i++) {
        struct slot *slot = &env->slots[i];
        if (slot->state == SLOT_READY && slot->zygote != env->zygote_serial && !slot->unwanted) {
            slot_unwanted(slot);
            return;
        }
    }
}

/* More are ready than have to be: in a while it is looked whether they are needed. */
static void look_later(const struct broker *broker, struct environment *env, uint64_t now)
{
    if (env->supply.look_at == 0)
        env->supply.look_at = now + (uint64_t)(broker->config->pool_idle * 1e9 / 4);
}

void supply_became_ready(struct broker *broker, struct slot *slot)
{
    struct environment *env = slot->environment;
    struct supply *supply = &env->supply;
    if (count_fresh(env) > (uint64_t)env->config->pool)
        look_later(broker, env, slot->ready_at);
    supply->making_ns = supply->making_ns == 0 ? slot->setup_ns : supply->making_ns - supply->making_ns / SMOOTHING + slot->setup_ns / SMOOTHING;
    drop_stale(env);
    supply_fill(broker, env); /* as many as can be made at a time may not have been enough */
}

/* --- dropping -------------------------------------------------------------------------------------------------------- */

void supply_look(struct broker *broker, struct environment *env, uint64_t now)
{
    const uint64_t enough = wanted(broker, env, now);
    uint32_t ready = 0;
    env->supply.look_at = 0;
    env->supply.waiting = 0; /* whoever was told of and went away is forgotten here, at the latest */
    for (uint32_t i = 0; i < env->slot_count; i++) {
        struct slot *slot = &env->slots[i];
        struct cgroup_usage usage = {0};
        if (!is_fresh(env, slot))
            continue;
        if (ready == 0 && cgroup_read(&slot->cgroup, &usage) == 0) /* the peak was set back when it became ready */
            env->supply.holds_bytes = usage.memory_peak;
        if (++ready > enough)
            slot_unwanted(slot);
    }
    client_flush(broker);
    if (ready > (uint64_t)env->config->pool)
        look_later(broker, env, now);
}

void supply_retire(struct broker *broker)
{
    const uint64_t now = now_ns();
    for (uint32_t i = 0; i < broker->environment_count; i++) {
        struct supply *supply = &broker->environments[i].supply;
        supply->needed = supply->needed_before = 0;
        supply_look(broker, &broker->environments[i], now);
    }
}

/* --- rest ------------------------------------------------------------------------------------------------------------ */

uint64_t supply_rest_at(const struct broker *broker, const struct environment *env)
{
    const bool may = env->config->pool == 0 && env->warm && env->next.pid == 0 && env->old.pid == 0 && !broker->stopping;
    return may ? env->supply.used_at + (uint64_t)(broker->config->pool_idle * 1e9) * REST_IDLE_TIMES : 0;
}

bool supply_is_idle(const struct environment *env)
{
    for (uint32_t i = 0; i < env->slot_count; i++)
        if (env->slots[i].state != SLOT_FREE && env->slots[i].state != SLOT_QUARANTINED)
            return false;
    return true;
}
