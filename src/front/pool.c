/* pool.c: see pool.h. Runs in the front. */
#include "front/pool_internal.h"

#include "common/log.h"
#include "front/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void pool_free_sandbox(struct pool *pool, struct sandbox *sandbox)
{
    for (enum run_stream stream = RUN_JOB; stream < RUN_STREAMS; stream++)
        sandbox_close(sandbox, stream);
    list_remove(&sandbox->link);
    pool->slots[sandbox->slot] = NULL;
    free(sandbox);
}

/* Not 0, which would mean that there is no limit of the run's own. */
static uint64_t limit_ns(double seconds)
{
    return seconds > 0 && seconds < 1e-9 ? 1 : (uint64_t)(seconds * 1e9);
}

bool pool_begin(struct pool *pool, struct run *run, struct sandbox *sandbox)
{
    struct message_run_start message = {
        .head = {.type = MESSAGE_RUN_START, .slot = sandbox->slot, .generation = sandbox->generation},
        .sent_ns = uv_hrtime(), /* CLOCK_MONOTONIC, as the broker's */
        .timeout_ns = limit_ns(run->timeout),
        .cpu_time_ns = limit_ns(run->limits.cpu_time),
        .modules = run->modules,
    };

    job_rewind(&run->job);
    /* The start before the job: a program that ends at once must not be over before the broker knows that it ran. */
    broker_link_send(&pool->link, &message, sizeof message);
    int sent = run_send_job(run);
    if (sent < 0 && run->job.sent == 0) { /* dead; what the broker then says of it names a sandbox that we have forgotten */
        log_event(LOG_WARN, "sandbox.dead", LOG_I("slot", sandbox->slot), LOG_S("reason", strerror(errno)));
        run->sandbox = NULL;
        pool_free_sandbox(pool, sandbox);
        return false;
    }
    run->started_ns = uv_hrtime();
    if (run->printed != NULL)
        pool_resume(pool, run);
    else
        pipes_rest(&pool->pipes, run);
    if (sent == 0)
        pipes_watch(&pool->pipes, sandbox, RUN_JOB);
    if (run->started != NULL)
        run->started(run);
    return true;
}

/* Gives the run the sandbox. False: as pool_begin(). */
static bool start(struct pool *pool, struct run *run, struct sandbox *sandbox)
{
    struct message_run_prepare prepare;
    list_remove(&sandbox->link);
    run->sandbox = sandbox;
    sandbox->run = run;
    pool->running++;
    run->share->running++;
    if (run_needs_preparation(run, &prepare)) {
        prepare.head = (struct message_head){
            .type = MESSAGE_RUN_PREPARE, .slot = sandbox->slot, .generation = sandbox->generation};
        run->preparing = true;
        broker_link_send(&pool->link, &prepare, sizeof prepare);
        return true;
    }
    if (pool_begin(pool, run, sandbox))
        return true;
    pool->running--;
    run->share->running--;
    return false;
}

static const struct api_key *key_of(const struct share *share)
{
    return LIST_ENTRY(share, struct api_key, share);
}

struct sandbox *pool_best_for(const struct pool *pool, const struct run *run)
{
    const struct list *ready = &pool->ready[run->environment], *learned = &pool->learned[run->environment];
    struct sandbox *best = run->lane == LANE_PLAIN && !list_empty(ready) ? LIST_ENTRY(ready->next, struct sandbox, link) : NULL;
    int most = 0;
    for (struct list *link = learned->next; run->modules != 0 && link != learned; link = link->next) {
        struct sandbox *sandbox = LIST_ENTRY(link, struct sandbox, link);
        const int fit = (sandbox->needs & ~run->modules) == 0 ? __builtin_popcount(sandbox->has & run->modules) : 0;
        if (fit > most) {
            best = sandbox;
            most = fit;
        }
    }
    return best;
}

/* Whether the run may start. Where there are several keys, the last place is for a key of which nothing runs, so
 * that it need not wait for another's runs to end; and the last plain sandbox for one of which nothing else is here, so that it need
 * not wait for the making of another's: of a crowd whose runs are short nothing runs, either, whenever a sandbox becomes ready. */
static bool may_start(const void *data, const struct run *run)
{
    const struct pool *pool = data;
    const struct share *share = run->share;
    const struct list *ready = &pool->ready[run->environment];
    const int64_t most = key_of(share)->entry.concurrency;
    const bool last_place = pool->running + 1 >= pool->config->concurrency;
    const struct sandbox *sandbox;

    if (pool->running >= pool->config->concurrency || (most > 0 && share->running >= most) || (sandbox = pool_best_for(pool, run)) == NULL)
        return false;
    if (pool->server->keys->count < 2 || pool->server->draining /* no more are kept ready than are waited for */)
        return true;
    const bool last_ready = sandbox->needs == 0 && ready->next == ready->prev && pool->config->environments[run->environment].pool > 1;
    return (share->running == 0 || !last_place) && ((share->running == 0 && share->waiting_count <= 1) || !last_ready);
}

static bool start_on_any(struct pool *pool, struct run *run)
{
    while (may_start(pool, run))
        if (start(pool, run, pool_best_for(pool, run)))
            return true;
    return false;
}

/* The same, unless others wait for the same. */
static bool start_at_once(struct pool *pool, struct run *run)
{
    return list_empty(&run->share->waiting[run->environment][run->lane]) && start_on_any(pool, run);
}

void pool_start_waiting(struct pool *pool)
{
    struct run *run;
    while ((run = queue_next(&pool->queue, may_start, pool)) != NULL) {
        queue_take(&pool->queue, run);
        if (start_on_any(pool, run))
            pace_waiting_started(&pool->pace, uv_hrtime());
        else /* what was ready was dead: its environment has nothing ready now */
            queue_add_back(&pool->queue, run);
    }
}

/* How many runs more of the key could go on if only their sandboxes were ready: a request for one of them does not queue
 * behind another run. */
static int64_t being_made(const struct pool *pool, const struct api_key *key)
{
    int64_t free = pool->config->concurrency - pool->running;
    if (key->entry.concurrency > 0 && key->entry.concurrency - key->share.running < free)
        free = key->entry.concurrency - key->share.running;
    return free > 0 ? free : 0;
}

void pool_tell_waiting(struct pool *pool, uint32_t environment, uint32_t modules, uint32_t count)
{
    const struct message_run_waits message = {
        .head = {.type = MESSAGE_RUN_WAITS, .slot = environment}, .waiting = count, .modules = modules};
    broker_link_send(&pool->link, &message, sizeof message);
}

/* Tells the broker that a sandbox is what the run waits for: it then makes one at once, and keeps more ready. */
static void tell_waiting(struct pool *pool, const struct run *run)
{
    const int64_t free = being_made(pool, run->key) - (pool->queue.count - 1);
    const bool learned = run->lane != LANE_PLAIN;
    if ((free > 0 || pool->config->environments[run->environment].pool == 0) && (learned || list_empty(&pool->ready[run->environment])))
        pool_tell_waiting(pool, run->environment, learned ? run->modules : 0, 1);
}

void pool_wake(struct pool *pool, uint32_t environment)
{
    pool_tell_waiting(pool, environment, 0, 0);
}

/* An environment whose pool is 0 gets sandboxes, and its processes, only for runs that are known to wait. */
static void wake_waiting(struct pool *pool)
{
    for (uint32_t i = 0; i < pool->config->environment_count; i++)
        if (pool->config->environments[i].pool == 0 && list_empty(&pool->ready[i]) && queue_has(&pool->queue, i))
            pool_wake(pool, i);
}

/* How many requests of the key may wait: one of several keys may not fill the queue. */
static int64_t queue_of(const struct pool *pool, const struct api_key *key)
{
    const int64_t all = pool->config->queue;
    if (key->entry.queue >= 0)
        return key->entry.queue;
    return pool->server->keys->count > 1 ? (all + 1) / 2 : all;
}

double pool_wait(const struct pool *pool, const struct api_key *key)
{
    const int64_t own = key->share.waiting_count + 1, lanes = pool->config->concurrency;
    const int64_t turns = own * queue_shares(&pool->queue, &key->share), all = pool->queue.count + 1;
    double wait = pace_wait(&pool->pace, turns < all ? turns : all, lanes);

    if (key->entry.concurrency > 0 && key->entry.concurrency < lanes) {
        double alone = pace_wait(&pool->pace, own, key->entry.concurrency);
        wait = alone > wait ? alone : wait;
    }
    return wait;
}

/* Whether the run may wait; `seconds` as in pool_submit(). */
static enum refusal may_queue(const struct pool *pool, const struct run *run, uint64_t now, double *seconds)
{
    const double may_wait = run->start_by_ns > now ? (double)(run->start_by_ns - now) / 1e9 : 0;
    *seconds = pool_wait(pool, run->key);
    const int64_t soon = being_made(pool, run->key);
    if (run->share->waiting_count >= queue_of(pool, run->key) + soon && run->key->entry.name[0] != '\0')
        return REFUSED_KEY_QUEUE;
    if (pool->queue.count >= pool->config->queue + soon)
        return REFUSED_QUEUE_FULL;
    if (*seconds > may_wait) {
        *seconds -= may_wait;
        return REFUSED_WAIT;
    }
    return REFUSED_NOT;
}

enum refusal pool_submit(struct pool *pool, struct run *run, double *seconds)
{
    const uint64_t now = uv_hrtime();
    if (run_table_find(&pool->runs, run->id) != NULL)
        request_id_make(run->id); /* a client's name for two runs at a time names the first */
    run_table_add(&pool->runs, run);
    pool_choose_lane(pool, run, now);
    if (start_at_once(pool, run))
        return REFUSED_NOT;
    const enum refusal why = may_queue(pool, run, now, seconds);
    if (why != REFUSED_NOT && run->lane != LANE_PLAIN) { /* rather than not at all */
        run->lane = LANE_PLAIN;
        return start_at_once(pool, run) ? REFUSED_NOT : why;
    }
    if (why != REFUSED_NOT)
        return why;
    if (pool->queue.count == 0)
        pace_queue_begins(&pool->pace, now);
    queue_add(&pool->queue, run);
    tell_waiting(pool, run);
    return REFUSED_NOT;
}

void pool_tick(struct pool *pool)
{
    struct list late;

    const uint64_t now = uv_hrtime();
    pool_lanes_tick(pool, now);
    wake_waiting(pool);
    list_init(&late);
    queue_take_late(&pool->queue, now, &late);
    /* The answer to one may let a request of its connection go on that is about another: by then none can be found. */
    for (struct list *link = late.next; link != &late; link = link->next)
        run_table_remove(LIST_ENTRY(link, struct run, link));
    while (!list_empty(&late)) {
        struct run *run = LIST_ENTRY(late.next, struct run, link);
        list_remove(&run->link);
        run->late(run);
        run_free(run);
    }
}

const char *pool_unready(const struct pool *pool)
{
    if (pool->server->stopping)
        return "the service is stopping";
    if (pool->config->concurrency > 0 && pool->running >= pool->config->concurrency)
        return "as many programs run as may run at the same time";
    if (list_empty(&pool->ready[0]))
        return "no sandbox of the default environment is ready yet";
    return NULL;
}

void pool_look(const struct pool *pool, struct pool_state *state)
{
    *state = (struct pool_state){.running = (uint64_t)pool->running, .waiting = (uint64_t)pool->queue.count};
    for (size_t i = 0; i < pool->config->environment_count; i++) {
        for (const struct list *link = pool->ready[i].next; link != &pool->ready[i]; link = link->next)
            state->ready[i]++;
        for (const struct list *link = pool->learned[i].next; link != &pool->learned[i]; link = link->next)
            state->learned[i]++;
    }
}

void pool_ask_stats(struct pool *pool)
{
    const struct message_stats_ask message = {.head = {.type = MESSAGE_STATS_ASK}};
    broker_link_send(&pool->link, &message, sizeof message);
}

static void kill_run(struct pool *pool, const struct run *run, enum kill_reason reason)
{
    struct message_run_kill message = {
        .head = {.type = MESSAGE_RUN_KILL,
                 .slot = run->sandbox->slot,
                 .generation = run->sandbox->generation},
        .reason = reason,
    };
    broker_link_send(&pool->link, &message, sizeof message);
}

void pool_cancel(struct pool *pool, struct run *run)
{
    run->ended = NULL;
    run->printed = NULL;
    if (run->sandbox == NULL && list_empty(&run->link)) /* it is being ended just now, by who frees it */
        return;
    if (run->sandbox == NULL) {
        queue_remove(&pool->queue, run);
        run_free(run);
        return;
    }
    output_free(&run->output);
    output_free(&run->error);
    kill_run(pool, run, KILL_CANCELLED);
}

struct run *pool_find(const struct pool *pool, const char *id)
{
    return run_table_find(&pool->runs, id);
}

void pool_end_unstarted(struct run *run)
{
    const struct message_run_ended end = {.outcome = RUN_CANCELLED};
    run_table_remove(run); /* the answer may let the next request of its connection go on, which may ask to end it again */
    run->started_ns = uv_hrtime();
    run->ended(run, &end);
    pool_log_end(run, &end);
    run_free(run);
}

void pool_end(struct pool *pool, struct run *run)
{
    run->cancelled = true;
    if (run->sandbox != NULL) {
        kill_run(pool, run, KILL_CANCELLED);
        return;
    }
    queue_remove(&pool->queue, run);
    pool_end_unstarted(run);
}

void pool_resume(struct pool *pool, struct run *run)
{
    if (run->sandbox != NULL)
        pipes_watch_output(&pool->pipes, run->sandbox);
}

static struct sandbox *sandbox_in(void *data, uint32_t slot)
{
    const struct pool *pool = data;
    return pool->slots[slot];
}

static void on_pipe(void *data, struct sandbox *sandbox, enum run_stream stream)
{
    struct pool *pool = data;
    struct run *run = sandbox->run;
    if (stream == RUN_JOB) {
        if (run_send_job(run) == 0)
            pipes_watch(&pool->pipes, sandbox, RUN_JOB);
        return; /* where the program's end of it is gone it has ended, or will be said to have */
    }
    if (stream == RUN_COLLECTOR) {
        if (collection_read(run->collection, sandbox->fds[stream]))
            pipes_watch(&pool->pipes, sandbox, stream);
        else
            pool_finish(pool, sandbox);
        return;
    }
    enum run_progress progress = run_read(run, stream, false);
    if (progress == RUN_MORE)
        pipes_watch(&pool->pipes, sandbox, stream);
    else if (progress == RUN_DRAINED)
        pipes_rest(&pool->pipes, run);
    if (run_over_limit(run))
        kill_run(pool, run, KILL_OUTPUT_LIMIT);
}

struct pool *pool_start(struct server *server, int channel, void (*broker_gone)(void), struct error *err)
{
    struct pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL) {
        error_set(err, ENOMEM, "cannot start the pool");
        return NULL;
    }
    pool->server = server;
    pool->config = server->config;
    for (size_t i = 0; i < pool->config->environment_count; i++) {
        list_init(&pool->ready[i]);
        list_init(&pool->learned[i]);
    }
    queue_init(&pool->queue);
    run_table_init(&pool->runs);
    int status = pipes_start(&pool->pipes, server->loop, sandbox_in, on_pipe, pool);
    if (status == 0)
        status = broker_link_start(&pool->link, server->loop, channel, pool_on_message, broker_gone, pool);
    if (status != 0) {
        error_set(err, -status, "cannot watch the channel to the broker");
        free(pool);
        return NULL;
    }
    return pool;
}
