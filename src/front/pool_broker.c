/* pool_broker.c: what the broker tells the pool, of sandboxes and of the ends of runs; see pool_internal.h. Runs in the front. */
#include "front/pool_internal.h"

#include "common/log.h"
#include "front/answer.h"
#include "front/keys.h"
#include "front/memory.h"
#include "front/metrics.h"

#include <stdlib.h>
#include <string.h>

void pool_log_end(const struct run *run, const struct message_run_ended *end)
{
    log_event(LOG_INFO, "run.ended", LOG_S("id", run->id), LOG_S("status", answer_status(end)),
              LOG_T("wall", (double)end->wall_ns / 1e9),
              LOG_T("queued", (double)(run->started_ns - run->received_ns) / 1e9),
              LOG_I("memory_peak", (int64_t)end->memory_peak),
              LOG_I("output_bytes", (int64_t)run->output.total),
              LOG_I("error_bytes", (int64_t)run->error.total), LOG_OPT("key", run->key->entry.name),
              LOG_OPT("trace", run->trace.id), LOG_OPT("span", run->trace.span));
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
        pool_end_unstarted(run);
    } else {
        queue_add_back(&pool->queue, run);
    }
    pool_start_waiting(pool);
}

/* It was withdrawn before it had begun: a run that was just given to it has not been started either. */
static void sandbox_gone(struct pool *pool, struct sandbox *sandbox)
{
    struct run *run = sandbox->run;

    pool_free_sandbox(pool, sandbox);
    if (run != NULL)
        move(pool, run);
}

/* The sandbox is as the run wants it. */
static void run_prepared(struct pool *pool, struct sandbox *sandbox, struct message *message)
{
    struct run *run = sandbox->run;
    run->preparing = false;
    if (message->fd_count == 1 && run->collection != NULL) {
        sandbox->fds[RUN_COLLECTOR] = message->fds[0];
        message->fds[0] = -1;
    }
    if (run->collection != NULL && collection_ask(run->collection, sandbox->fds[RUN_COLLECTOR]) != 0)
        sandbox_close(sandbox, RUN_COLLECTOR); /* it is dead: the answer will say that the files are missing */
    if (!pool_begin(pool, run, sandbox))
        move(pool, run);
}

static void sandbox_ready(struct pool *pool, struct message *message)
{
    const struct message_head *head = &message->head;
    struct sandbox *sandbox = NULL;

    struct sandbox *before = head->slot < SLOTS_MAX ? pool->slots[head->slot] : NULL;
    if (before != NULL && before->run != NULL && before->run->over) { /* its collector has ended, too: all it sent is there */
        if (before->fds[RUN_COLLECTOR] >= 0)
            collection_read(before->run->collection, before->fds[RUN_COLLECTOR]);
        pool_finish(pool, before);
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
    pool_lane_made(pool, message->sandbox_ready.environment, sandbox);
    pool_start_waiting(pool);
}

void pool_finish(struct pool *pool, struct sandbox *sandbox)
{
    struct run *run = sandbox->run;

    run_table_remove(run); /* as in pool_end_unstarted() */
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
    pool_log_end(run, &run->end);
    pool_free_sandbox(pool, sandbox);
    pipes_forget(&pool->pipes, run);
    run_free(run);
    pool_start_waiting(pool);
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
        pool_finish(pool, sandbox);
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

void pool_on_message(void *data, struct message *message)
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
        pool_lanes_told(pool, &message->learned);
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
            pool_free_sandbox(pool, sandbox);
    } else if (message->head.type == MESSAGE_SANDBOX_GONE)
        sandbox_gone(pool, sandbox);
    else if (message->head.type == MESSAGE_RUN_ENDED && sandbox->run != NULL && !sandbox->run->over)
        run_ended(pool, sandbox, &message->run_ended);
    else
        log_event(LOG_ERROR, "broker.message", LOG_I("type", message->head.type));
}
