/* pool.c: see pool.h. Runs in the front. */
#include "front/pool.h"

#include "common/log.h"
#include "front/answer.h"
#include "front/keys.h"
#include "front/memory.h"
#include "front/metrics.h"
#include "front/pipes.h"
#include "front/queue.h"
#include "front/run_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLOTS_MAX = 65536 };

struct pool {
    struct server *server;
    const struct config *config;
    struct broker_link link;
    struct pipes pipes;
    struct sandbox *slots[SLOTS_MAX];
    /* Of each environment, in the order of the settings. */
    struct list ready[CONFIG_ENVIRONMENTS_MAX];
    struct list learned[CONFIG_ENVIRONMENTS_MAX]; /* ready, too, with learned modules */
    struct queue queue;
    struct pace pace;
    struct run_table runs;
    int64_t running;
};

static void sandbox_free(struct pool *pool, struct sandbox *sandbox)
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

/* Starts the run in its sandbox. False: the sandbox is of no use, and is gone; the run has not begun. */
static bool begin(struct pool *pool, struct run *run, struct sandbox *sandbox)
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
        sandbox_free(pool, sandbox);
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

/* Gives the run the sandbox. False: as begin(). */
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
    if (begin(pool, run, sandbox))
        return true;
    pool->running--;
    run->share->running--;
    return false;
}

static const struct api_key *key_of(const struct share *share)
{
    return LIST_ENTRY(share, struct api_key, share);
}

/* Whether one more run of the share may start. Where there are several keys, the last place is for a key of which nothing runs, so
 * that it need not wait for another's runs to end; and the last ready sandbox for one of which nothing else is here, so that it need
 * not wait for the making of another's: of a crowd whose runs are short nothing runs, either, whenever a sandbox becomes ready. */
static bool may_start(const void *data, const struct share *share, uint32_t environment)
{
    const struct pool *pool = data;
    const struct list *ready = &pool->ready[environment];
    const int64_t most = key_of(share)->entry.concurrency;
    const bool last_place = pool->running + 1 >= pool->config->concurrency;
    const bool last_ready = ready->next == ready->prev && pool->config->environments[environment].pool > 1;

    if (list_empty(ready) || pool->running >= pool->config->concurrency || (most > 0 && share->running >= most))
        return false;
    if (pool->server->keys->count < 2 || pool->server->draining /* no more are kept ready than are waited for */)
        return true;
    return (share->running == 0 || !last_place) && ((share->running == 0 && share->waiting_count <= 1) || !last_ready);
}

/* The ready sandbox that has most of what the program begins with, and nothing that it does not import; else a plain one. */
static struct sandbox *best_for(const struct pool *pool, const struct run *run)
{
    struct sandbox *best = LIST_ENTRY(pool->ready[run->environment].next, struct sandbox, link);
    int most = 0;
    for (struct list *link = pool->learned[run->environment].next; run->modules != 0 && link != &pool->learned[run->environment]; link = link->next) {
        struct sandbox *sandbox = LIST_ENTRY(link, struct sandbox, link);
        const int fit = (sandbox->needs & ~run->modules) == 0 ? __builtin_popcount(sandbox->has & run->modules) : 0;
        if (fit > most) {
            best = sandbox;
            most = fit;
        }
    }
    return best;
}

static bool start_on_any(struct pool *pool, struct run *run)
{
    while (may_start(pool, run->share, run->environment))
        if (start(pool, run, best_for(pool, run)))
            return true;
    return false;
}

static void start_waiting(struct pool *pool)
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

/* Tells the broker that a sandbox is what a run waits for: it then makes one at once, and keeps more ready. */
static void tell_waiting(struct pool *pool, const struct run *run)
{
    const int64_t free = being_made(pool, run->key) - (pool->queue.count - 1);
    struct message_run_waits message = {.head = {.type = MESSAGE_RUN_WAITS, .slot = run->environment}, .waiting = 1};
    if ((free > 0 || pool->config->environments[run->environment].pool == 0) && list_empty(&pool->ready[run->environment]))
        broker_link_send(&pool->link, &message, sizeof message);
}

void pool_wake(struct pool *pool, uint32_t environment)
{
    const struct message_run_waits message = {.head = {.type = MESSAGE_RUN_WAITS, .slot = environment}};
    broker_link_send(&pool->link, &message, sizeof message);
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

enum refusal pool_submit(struct pool *pool, struct run *run, double *seconds)
{
    if (run_table_find(&pool->runs, run->id) != NULL)
        request_id_make(run->id); /* a client's name for two runs at a time names the first */
    run_table_add(&pool->runs, run);
    if (list_empty(&run->share->waiting[run->environment]) && start_on_any(pool, run))
        return REFUSED_NOT;
    const uint64_t now = uv_hrtime();
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
    if (pool->queue.count == 0)
        pace_queue_begins(&pool->pace, now);
    queue_add(&pool->queue, run);
    tell_waiting(pool, run);
    return REFUSED_NOT;
}

void pool_tick(struct pool *pool)
{
    struct list late;

    wake_waiting(pool);
    list_init(&late);
    queue_take_late(&pool->queue, uv_hrtime(), &late);
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

static void log_end(const struct run *run, const struct message_run_ended *end)
{
    log_event(LOG_INFO, "run.ended", LOG_S("id", run->id), LOG_S("status", answer_status(end)),
              LOG_T("wall", (double)end->wall_ns / 1e9),
              LOG_T("queued", (double)(run->started_ns - run->received_ns) / 1e9),
              LOG_I("memory_peak", (int64_t)end->memory_peak),
              LOG_I("output_bytes", (int64_t)run->output.total),
              LOG_I("error_bytes", (int64_t)run->error.total), LOG_OPT("key", run->key->entry.name),
              LOG_OPT("trace", run->trace.id), LOG_OPT("span", run->trace.span));
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

static void end_unstarted(struct run *run)
{
    const struct message_run_ended end = {.outcome = RUN_CANCELLED};
    run_table_remove(run); /* the answer may let the next request of its connection go on, which may ask to end it again */
    run->started_ns = uv_hrtime();
    run->ended(run, &end);
    log_end(run, &end);
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
    end_unstarted(run);
}

void pool_resume(struct pool *pool, struct run *run)
{
    if (run->sandbox != NULL)
        pipes_watch_output(&pool->pipes, run->sandbox);
}

static struct sandbox *find(const struct pool *pool, const struct message_head *head)
{
    struct sandbox *sandbox = head->slot < SLOTS_MAX ? pool->slots[head->slot] : NULL;
    return sandbox != NULL && sandbox->generation == head->generation ? sandbox : NULL;
}

/* The run's sandbox was of no use: if somebody still wants the run, it gets another one. */
static void move(struct pool *pool, struct run *run)
{
    pool->running--;
    run->share->running--;
    run->sandbox = NULL;
    run->preparing = false;
    list_remove(&run->link);
    if (run->ended == NULL) {
        run_free(run);
    } else if (run->cancelled) {
        end_unstarted(run);
    } else {
        queue_add_back(&pool->queue, run);
    }
    start_waiting(pool);
}

/* It was withdrawn before it had begun: a run that was just given to it has not been started either. */
static void sandbox_gone(struct pool *pool, struct sandbox *sandbox)
{
    struct run *run = sandbox->run;

    sandbox_free(pool, sandbox);
    if (run != NULL)
        move(pool, run);
}

/* The sandbox is as the run wants it. */
static void run_prepared(struct pool *pool, struct sandbox *sandbox, struct message *message)
{
    struct run *run = sandbox->run;
    run->preparing = false;
    if (message->fd_count == 1) {
        sandbox->fds[RUN_COLLECTOR] = message->fds[0];
        message->fds[0] = -1;
    }
    if (run->collection != NULL && collection_ask(run->collection, sandbox->fds[RUN_COLLECTOR]) != 0)
        sandbox_close(sandbox, RUN_COLLECTOR); /* it is dead: the answer will say that the files are missing */
    if (!begin(pool, run, sandbox))
        move(pool, run);
}

static void finish(struct pool *pool, struct sandbox *sandbox);

static void sandbox_ready(struct pool *pool, struct message *message)
{
    const struct message_head *head = &message->head;
    struct sandbox *sandbox = NULL;

    struct sandbox *before = head->slot < SLOTS_MAX ? pool->slots[head->slot] : NULL;
    if (before != NULL && before->run != NULL && before->run->over) { /* its collector has ended, too: all it sent is there */
        if (before->fds[RUN_COLLECTOR] >= 0)
            collection_read(before->run->collection, before->fds[RUN_COLLECTOR]);
        finish(pool, before);
    } else if (before != NULL) { /* its place is taken, so it is gone */
        sandbox_gone(pool, before);
    }
    if (message->fd_count == SANDBOX_READY_FDS && head->slot < SLOTS_MAX &&
        message->sandbox_ready.environment < pool->config->environment_count)
        sandbox = memory_needed(calloc(1, sizeof *sandbox));
    if (sandbox == NULL) {
        log_event(LOG_ERROR, "sandbox.refused", LOG_I("slot", head->slot),
                  LOG_I("descriptors", message->fd_count));
        message_close_fds(message);
        return;
    }
    sandbox->slot = head->slot;
    sandbox->generation = head->generation;
    sandbox->setup_ns = message->sandbox_ready.setup_ns;
    sandbox->needs = message->sandbox_ready.needs;
    sandbox->has = message->sandbox_ready.has;
    memcpy(sandbox->fds, message->fds, SANDBOX_READY_FDS * sizeof *sandbox->fds);
    sandbox->fds[RUN_COLLECTOR] = -1;
    pool->slots[head->slot] = sandbox;
    list_append(&(sandbox->needs != 0 ? pool->learned : pool->ready)[message->sandbox_ready.environment], &sandbox->link);
    start_waiting(pool);
}

/* All that there will be of the run is there: it is answered. */
static void finish(struct pool *pool, struct sandbox *sandbox)
{
    struct run *run = sandbox->run;

    run_table_remove(run); /* as in end_unstarted() */
    pool->running--;
    run->share->running--;
    pace_run_ended(&pool->pace, run->end.wall_ns);
    run->report = run->ended != NULL ? report_read(sandbox->fds[RUN_REPORT], &run->end) : NULL;
    if (run->ended != NULL)
        run->ended(run, &run->end);
    if (run->modules != 0)
        metrics_learned_run(pool->server->metrics, run->environment, sandbox->needs != 0);
    metrics_run(pool->server->metrics, run->environment, answer_status(&run->end), run->started_ns - run->received_ns,
                sandbox->setup_ns, run->end.wall_ns);
    run->key->runs++;
    run->key->run_seconds += (double)run->end.wall_ns / 1e9;
    log_end(run, &run->end);
    sandbox_free(pool, sandbox);
    pipes_forget(&pool->pipes, run);
    run_free(run);
    start_waiting(pool);
}

/* Where the program's code was never reached, the service has failed, not the program. */
static void check_received(struct run *run)
{
    struct program_status status;
    if (!job_refused(run->sandbox->fds[RUN_JOB], &status))
        return;
    log_event(LOG_ERROR, "run.not_begun", LOG_S("id", run->id), LOG_S("step", status.what), LOG_S("error", strerror(status.error)));
    run->end.outcome = RUN_FAILED;
}

static void run_ended(struct pool *pool, struct sandbox *sandbox, const struct message_run_ended *end)
{
    struct run *run = sandbox->run;

    for (enum run_stream stream = RUN_STDOUT; stream <= RUN_STDERR; stream++)
        if (sandbox->fds[stream] >= 0)
            run_read(run, stream, true);
    run->end = *end;
    if (end->outcome == RUN_EXITED)
        check_received(run);
    run->over = true;
    if (run->started_ns == 0) /* it could not even begin */
        run->started_ns = uv_hrtime();
    if (sandbox->fds[RUN_COLLECTOR] >= 0 && run->ended != NULL && run->end.outcome != RUN_FAILED)
        pipes_watch(&pool->pipes, sandbox, RUN_COLLECTOR);
    else
        finish(pool, sandbox);
}

static void front_mode(struct pool *pool, uint32_t mode)
{
    const struct message_front_retired retired = {.head = {.type = MESSAGE_FRONT_RETIRED}};
    if (mode == FRONT_ACCEPTS) {
        server_accept(pool->server);
        return;
    }
    server_retire(pool->server);
    broker_link_send(&pool->link, &retired, sizeof retired);
}

static void on_message(void *data, struct message *message)
{
    struct pool *pool = data;
    struct sandbox *sandbox;

    if (message->head.type == MESSAGE_SANDBOX_READY) {
        sandbox_ready(pool, message);
        return;
    }
    if (message->head.type == MESSAGE_FRONT_MODE) {
        front_mode(pool, message->head.slot);
        message_close_fds(message);
        return;
    }
    if (message->head.type == MESSAGE_PING) {
        const struct message_ping pong = {.head = {.type = MESSAGE_PONG}};
        broker_link_send(&pool->link, &pong, sizeof pong);
        message_close_fds(message);
        return;
    }
    if (message->head.type == MESSAGE_ENVIRONMENT) {
        environments_told(pool->server->environments, message);
        message_close_fds(message);
        return;
    }
    if (message->head.type == MESSAGE_LEARNED) {
        environments_learned(pool->server->environments, &message->learned);
        message_close_fds(message);
        return;
    }
    if (message->head.type == MESSAGE_KEYS) {
        keys_told(pool->server->keys, message);
        message_close_fds(message);
        return;
    }
    if (message->head.type == MESSAGE_STATS) {
        metrics_told(pool->server, &message->stats);
        message_close_fds(message);
        return;
    }
    sandbox = find(pool, &message->head);
    if (message->head.type == MESSAGE_RUN_PREPARED && sandbox != NULL && sandbox->run != NULL && sandbox->run->preparing) {
        run_prepared(pool, sandbox, message);
        message_close_fds(message);
        return;
    }
    message_close_fds(message);
    if (sandbox == NULL)
        return; /* its sandbox was found dead here before the broker could say so */
    if (message->head.type == MESSAGE_SANDBOX_UNWANTED) {
        if (sandbox->run == NULL)
            sandbox_free(pool, sandbox);
    } else if (message->head.type == MESSAGE_SANDBOX_GONE)
        sandbox_gone(pool, sandbox);
    else if (message->head.type == MESSAGE_RUN_ENDED && sandbox->run != NULL && !sandbox->run->over)
        run_ended(pool, sandbox, &message->run_ended);
    else
        log_event(LOG_ERROR, "broker.message", LOG_I("type", message->head.type));
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
            finish(pool, sandbox);
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
        status = broker_link_start(&pool->link, server->loop, channel, on_message, broker_gone, pool);
    if (status != 0) {
        error_set(err, -status, "cannot watch the channel to the broker");
        free(pool);
        return NULL;
    }
    return pool;
}
