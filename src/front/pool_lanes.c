/* pool_lanes.c: who waits for a sandbox of a learned set, and for how long; see pool_internal.h. Runs in the front.
 *
 * A program that finds none ready could take a plain one and import for itself, which costs hundreds of milliseconds of a processor where
 * making one costs a few; under load that takes the processor from the making, so that the next one finds none, either. So it waits,
 * where the making of all that are asked for before it is likely to take less than its import; not for longer than half of what it
 * may wait at all, and not while none comes. */
#include "front/pool_internal.h"

#include "front/environments.h"

enum { SMOOTHING = 8, MISSING_TIMES = 2 /* its import, for which none may come */ };
#define MAKING_GUESS_NS 20000000ULL
#define MISSING_MIN_NS 100000000ULL

/* What stands between the run and a sandbox of the set are the ones that others wait for, as far as there are places to run in: for
 * a place it would wait in any lane. */
static uint64_t expected_ns(const struct pool *pool, uint32_t environment, uint32_t place)
{
    const struct config *config = pool->config;
    const int64_t before = pool->queue.counts[environment][place + 1] + 1, most = config->concurrency;
    const int64_t parallel = config->environments[environment].pool_max > 1 ? config->environments[environment].pool_max / 2 : 1;
    const uint64_t making = pool->lanes[environment][place].making_ns;
    return (uint64_t)(before < most ? before : most) * (making > 0 ? making : MAKING_GUESS_NS) / (uint64_t)parallel;
}

void pool_choose_lane(const struct pool *pool, struct run *run, uint64_t now_ns)
{
    const struct message_learned *learned = environment_learned(pool->server->environments, run->environment);
    int most = 0;
    uint32_t best = 0;
    run->lane = LANE_PLAIN;
    for (uint32_t i = 0; i < LEARNED_MAX && run->modules != 0; i++) {
        const int fit = learned->needs[i] != 0 && (learned->needs[i] & ~run->modules) == 0 ? __builtin_popcount(learned->has[i] & run->modules) : 0;
        if (fit > most) {
            best = i;
            most = fit;
        }
    }
    if (most == 0 || run->start_by_ns <= now_ns)
        return;
    const uint64_t expected = expected_ns(pool, run->environment, best), patience = (run->start_by_ns - now_ns) / 2;
    if (pool->lanes[run->environment][best].absent || expected >= learned->import_ns[best] || expected >= patience)
        return;
    run->lane = best + 1;
    run->give_up_ns = now_ns + patience;
}

void pool_lane_made(struct pool *pool, uint32_t environment, const struct sandbox *sandbox)
{
    const struct message_learned *learned = environment_learned(pool->server->environments, environment);
    for (uint32_t i = 0; i < LEARNED_MAX && sandbox->needs != 0; i++) {
        struct learned_lane *lane = &pool->lanes[environment][i];
        if (learned->needs[i] != sandbox->needs || learned->has[i] != sandbox->has)
            continue;
        lane->making_ns = lane->making_ns == 0 ? sandbox->setup_ns : lane->making_ns - lane->making_ns / SMOOTHING + sandbox->setup_ns / SMOOTHING;
        lane->missing_ns = 0;
        lane->absent = false;
    }
}

static void give_up(struct pool *pool, uint32_t environment, uint32_t place, bool all, uint64_t now_ns)
{
    const int64_t count = queue_give_up(&pool->queue, environment, place + 1, all, now_ns), free = pool->config->concurrency - pool->running;
    if (count == 0)
        return;
    if (free > 0 && list_empty(&pool->ready[environment]))
        pool_tell_waiting(pool, environment, 0, (uint32_t)(count < free ? count : free));
    pool_start_waiting(pool);
}

void pool_lanes_told(struct pool *pool, const struct message_learned *learned)
{
    const uint32_t environment = learned->head.slot;
    if (environment >= pool->config->environment_count)
        return;
    const struct message_learned before = *environment_learned(pool->server->environments, environment);
    environments_learned(pool->server->environments, learned);
    const struct message_learned *now = environment_learned(pool->server->environments, environment);
    for (uint32_t i = 0; i < LEARNED_MAX; i++) {
        if (now->needs[i] == before.needs[i] && now->has[i] == before.has[i])
            continue;
        pool->lanes[environment][i] = (struct learned_lane){0};
        give_up(pool, environment, i, true, 0);
    }
}

void pool_lanes_tick(struct pool *pool, uint64_t now_ns)
{
    const bool places = pool->running < pool->config->concurrency;
    for (uint32_t e = 0; e < pool->config->environment_count && pool->queue.count > 0; e++) {
        const struct message_learned *learned = environment_learned(pool->server->environments, e);
        for (uint32_t i = 0; i < LEARNED_MAX; i++) {
            struct learned_lane *lane = &pool->lanes[e][i];
            if (pool->queue.counts[e][i + 1] == 0 || !places) {
                lane->missing_ns = 0;
                continue;
            }
            if (lane->missing_ns == 0)
                lane->missing_ns = now_ns;
            const uint64_t patience = MISSING_TIMES * learned->import_ns[i];
            lane->absent = now_ns - lane->missing_ns > (patience > MISSING_MIN_NS ? patience : MISSING_MIN_NS);
            give_up(pool, e, i, lane->absent, now_ns);
        }
    }
}
