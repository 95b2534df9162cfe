/* supply.c: how many sandboxes of each environment stand ready, and when they are made. Runs in the broker.
 *
 * A ready sandbox serves a run that comes while another is being made. So what has to be ready is as many as runs come in
 * the time that making one takes, a "moment": the most of any moment lately, at least `pool` and at most `pool-max`. That
 * covers a steady stream, whose moments are alike, and bursts, whose next one may be as large as the last. What nobody has
 * needed for `pool-idle` is dropped. Of a set with learned modules it is one more, because a run that finds none ready waits for it, or pays for
 * the imports; and all of them together take no more than half of the places that the plain ones can have. */
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
    return slot->state == SLOT_READY && slot->zygote == set_serial(env, slot->set) && !slot->unwanted;
}

static uint32_t count_fresh(const struct environment *env, uint32_t set)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < env->slot_count; i++)
        count += env->slots[i].set == set && is_fresh(env, &env->slots[i]);
    return count;
}

static uint32_t count_making(const struct environment *env, uint32_t set)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < env->slot_count; i++)
        count += env->slots[i].set == set && (env->slots[i].state == SLOT_NESTING || env->slots[i].state == SLOT_FORKING);
    return count;
}

/* --- how many -------------------------------------------------------------------------------------------------------- */

static uint64_t holds(const struct supply *supply)
{
    return supply->holds_bytes > 0 ? supply->holds_bytes : HOLDS_GUESS;
}

/* What stands ready of a set however little is asked for. */
static uint64_t least_of(const struct environment *env, uint32_t set)
{
    return set == SET_PLAIN ? (uint64_t)env->config->pool : 0;
}

/* How many above the least the memory allows, as long as there are as many of all others as there are. */
static uint64_t allowed_above(const struct broker *broker, const struct environment *env, uint32_t set)
{
    uint64_t left = (uint64_t)broker->config->pool_memory;
    for (uint32_t i = 0; i < broker->environment_count; i++)
        for (uint32_t s = SET_PLAIN; s <= SETS_MAX; s++) {
            const struct environment *other = &broker->environments[i];
            const uint64_t ready = (other != env || s != set) && set_is_warm(other, s) ? count_fresh(other, s) : 0;
            const uint64_t above = ready > least_of(other, s) ? ready - least_of(other, s) : 0, each = holds(&other->sets[s].supply);
            left -= above * each < left ? above * each : left;
        }
    return left / holds(&env->sets[set].supply);
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

static uint64_t wanted_learned(const struct broker *broker, struct environment *env, uint32_t set, uint64_t now)
{
    struct supply *supply = &env->sets[set].supply;
    const uint64_t least = env->config->pool > 0; /* where it may have none, the environment may rest */
    new_period(broker, supply, now);
    uint64_t count = supply->needed > supply->needed_before ? supply->needed : supply->needed_before;
    count = count > 0 ? count + 1 : least;
    const uint64_t most = allowed_above(broker, env, set);
    return broker->retiring || broker->stopping ? 0 : count < most ? count : most;
}

static uint64_t wanted(const struct broker *broker, struct environment *env, uint32_t set, uint64_t now)
{
    if (set != SET_PLAIN)
        return wanted_learned(broker, env, set, now);
    struct supply *supply = &env->sets[SET_PLAIN].supply;
    const bool one = (env->config->pool == 0 && !env->served_once) /* that it can is shown once */ || (env->config->pool > 0 && (broker->retiring || broker->stopping));
    const uint64_t least = one ? 1 : (uint64_t)env->config->pool;
    new_period(broker, supply, now);
    uint64_t count = supply->needed > supply->needed_before ? supply->needed : supply->needed_before;
    if (count > (uint64_t)env->config->pool_max)
        count = (uint64_t)env->config->pool_max;
    if (count <= least)
        return least;
    const uint64_t most = least + allowed_above(broker, env, SET_PLAIN);
    return count < most ? count : most;
}

/* One more run has come. */
static void note_need(struct supply *supply, uint64_t now)
{
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
static uint32_t making_at_a_time(const struct broker *broker, const struct supply *supply, uint32_t ready)
{
    static uint32_t cores;
    if (cores == 0) {
        cpu_set_t set;
        cores = sched_getaffinity(0, sizeof set, &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 1;
    }
    const bool wanted_now = ready == 0 || supply->waiting > 0, keys = broker->config->keys_file[0] != '\0';
    const uint32_t count = !wanted_now ? (cores > 2 ? cores - 1 : 1) : keys ? cores + 1 : MAKING_MAX;
    return count < MAKING_MAX ? count : MAKING_MAX;
}

static void fill(struct broker *broker, struct environment *env, uint32_t set, uint64_t now)
{
    const struct supply *supply = &env->sets[set].supply;
    uint64_t enough = wanted(broker, env, set, now) + supply->waiting;
    uint32_t ready = count_fresh(env, set), making = count_making(env, set), all = 0, learned = 0;
    for (uint32_t s = SET_PLAIN; s <= SETS_MAX; s++) {
        all += count_making(env, s);
        if (s != SET_PLAIN && s != set && set_is_warm(env, s)) { /* one is kept for each */
            const uint32_t others = count_making(env, s) + count_fresh(env, s);
            learned += others > 0 ? others : 1;
        }
    }
    if (set != SET_PLAIN && enough + learned > learned_most(env))
        enough = learned < learned_most(env) ? learned_most(env) - learned : 0;
    struct slot *slot;
    while (ready + making < enough && all < making_at_a_time(broker, supply, ready) && set_is_warm(env, set) && !broker->failed &&
           (slot = free_slot(env)) != NULL) {
        slot_make(broker, slot, set);
        making++;
        all++;
    }
}

void supply_fill(struct broker *broker, struct environment *env)
{
    if (!env->warm || env->lost_forks || broker->failed || broker->client_channel < 0)
        return;
    const uint64_t now = now_ns();
    if (env->making_failures > 0 && now < env->make_again_at) {
        env->fill_at = env->make_again_at;
        return;
    }
    slots_reclaim(env);
    for (uint32_t set = SET_PLAIN; set <= SETS_MAX && env->warm; set++)
        if (set_is_warm(env, set))
            fill(broker, env, set, now);
}

void supply_fill_all(struct broker *broker)
{
    for (uint32_t i = 0; i < broker->environment_count; i++)
        supply_fill(broker, &broker->environments[i]);
}

/* What such a run waits for is made at once. The need of a learned set is noted when the run starts, wherever it does. */
void supply_run_waits(struct broker *broker, struct environment *env, uint32_t set, uint32_t waiting)
{
    const uint32_t most = (uint32_t)broker->config->concurrency;
    const uint64_t now = now_ns();
    struct supply *supply = &env->sets[set].supply;
    env->sets[SET_PLAIN].supply.used_at = now;
    if (waiting == 0 && supply->waiting == 0)
        supply->waiting = 1;
    for (uint32_t i = 0; i < waiting && supply->waiting < most; i++) {
        supply->waiting++;
        if (set == SET_PLAIN)
            note_need(supply, now);
    }
    environment_wake(broker, env);
    supply_fill(broker, env);
}

/* Most runs are over within a millisecond, and so are their answers: making the next sandbox and clearing away the last one
 * meanwhile would only take the core from them. Both wait a moment, and then come for several runs at once. Whoever finds no
 * sandbox ready does not wait for it: supply_run_waits(). */
void supply_run_started(struct broker *broker, const struct slot *slot, uint32_t best, uint64_t now)
{
    struct environment *env = slot->environment;
    struct supply *plain = &env->sets[SET_PLAIN].supply, *learned = best != SET_PLAIN ? &env->sets[best].supply : NULL;
    plain->used_at = now;
    if (learned != NULL)
        note_need(learned, now);
    if (learned != NULL && learned->waiting > 0)
        learned->waiting--;
    else if (plain->waiting > 0)
        plain->waiting--; /* it was noted when it began to wait */
    else if (slot->set == SET_PLAIN)
        note_need(plain, now);
    if (plain->waiting > 0 || (learned != NULL && learned->waiting > 0))
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
static void drop_stale(struct environment *env, uint32_t set)
{
    for (uint32_t i = 0; i < env->slot_count; i++) {
        struct slot *slot = &env->slots[i];
        if (slot->state == SLOT_READY && slot->set == set && slot->zygote != set_serial(env, set) && !slot->unwanted) {
            slot_unwanted(slot);
            return;
        }
    }
}

/* More are ready than have to be: in a while it is looked whether they are needed. */
static void look_later(const struct broker *broker, struct supply *supply, uint64_t now)
{
    if (supply->look_at == 0)
        supply->look_at = now + (uint64_t)(broker->config->pool_idle * 1e9 / 4);
}

void supply_became_ready(struct broker *broker, struct slot *slot)
{
    struct environment *env = slot->environment;
    struct supply *supply = &env->sets[slot->set].supply;
    if (count_fresh(env, slot->set) > least_of(env, slot->set))
        look_later(broker, supply, slot->ready_at);
    supply->making_ns = supply->making_ns == 0 ? slot->setup_ns : supply->making_ns - supply->making_ns / SMOOTHING + slot->setup_ns / SMOOTHING;
    drop_stale(env, slot->set);
    supply_fill(broker, env); /* as many as can be made at a time may not have been enough */
}

/* --- dropping -------------------------------------------------------------------------------------------------------- */

static void look(struct broker *broker, struct environment *env, uint32_t set, uint64_t now)
{
    struct supply *supply = &env->sets[set].supply;
    const uint64_t enough = wanted(broker, env, set, now);
    uint32_t ready = 0;
    supply->look_at = 0;
    supply->waiting = 0; /* whoever was told of and went away is forgotten here, at the latest */
    for (uint32_t i = 0; i < env->slot_count; i++) {
        struct slot *slot = &env->slots[i];
        struct cgroup_usage usage = {0};
        if (slot->set != set || !is_fresh(env, slot))
            continue;
        if (ready == 0 && cgroup_read(&slot->cgroup, &usage) == 0) /* the peak was set back when it became ready */
            supply->holds_bytes = usage.memory_peak;
        if (++ready > enough)
            slot_unwanted(slot);
    }
    if (ready > least_of(env, set) && (set == SET_PLAIN || ready > enough || enough > 1))
        look_later(broker, supply, now);
}

uint64_t supply_look_at(const struct environment *env)
{
    uint64_t first = 0;
    for (uint32_t set = SET_PLAIN; set <= SETS_MAX; set++) {
        const uint64_t at = env->sets[set].supply.look_at;
        first = at != 0 && (first == 0 || at < first) ? at : first;
    }
    return first;
}

void supply_look(struct broker *broker, struct environment *env, uint64_t now)
{
    for (uint32_t set = SET_PLAIN; set <= SETS_MAX; set++)
        if (env->sets[set].supply.look_at != 0 && env->sets[set].supply.look_at <= now)
            look(broker, env, set, now);
    client_flush(broker);
}

void supply_drop(struct environment *env, uint32_t set)
{
    for (uint32_t i = 0; i < env->slot_count; i++)
        if (env->slots[i].set == set && env->slots[i].state == SLOT_READY && !env->slots[i].unwanted)
            slot_unwanted(&env->slots[i]);
}

void supply_retire(struct broker *broker)
{
    const uint64_t now = now_ns();
    for (uint32_t i = 0; i < broker->environment_count; i++) {
        for (uint32_t set = SET_PLAIN; set <= SETS_MAX; set++) {
            struct supply *supply = &broker->environments[i].sets[set].supply;
            supply->needed = supply->needed_before = 0;
            look(broker, &broker->environments[i], set, now);
        }
    }
    client_flush(broker);
}

/* --- rest ------------------------------------------------------------------------------------------------------------ */

uint64_t supply_rest_at(const struct broker *broker, const struct environment *env)
{
    const bool may = env->config->pool == 0 && env->warm && env->next.pid == 0 && env->old.pid == 0 && !broker->stopping;
    return may ? env->sets[SET_PLAIN].supply.used_at + (uint64_t)(broker->config->pool_idle * 1e9) * REST_IDLE_TIMES : 0;
}

bool supply_is_idle(const struct environment *env)
{
    for (uint32_t i = 0; i < env->slot_count; i++)
        if (env->slots[i].state != SLOT_FREE && env->slots[i].state != SLOT_QUARANTINED)
            return false;
    return true;
}
