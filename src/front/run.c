/* run.c: see run.h. Runs in the front; what it reads is a program's and hostile. */
#include "front/run.h"

#include "front/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_SIZE = 65536, MUCH = 16384, MOST_A_TURN = 8 * READ_SIZE, PIPE_WIDE = 4 * READ_SIZE };
enum { READS_AT_END = 1024 /* more than a pipe has pieces; who still writes into it is about to be killed */ };

struct run *run_new(json_t *body, const struct execute_request *request, const struct config *config)
{
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL)
        return NULL;
    if (request->collect.count > 0)
        run->collection = collection_new(&request->collect, (uint64_t)config->limit_collect);
    if ((request->collect.count > 0 && run->collection == NULL) || job_init(&run->job, request) != 0) {
        collection_free(run->collection);
        free(run);
        return NULL;
    }
    list_init(&run->link);
    list_init(&run->same_bucket);
    run->body = json_incref(body);
    run->timeout = request->timeout;
    run->environment = request->environment;
    run->limits = request->limits;
    run->output_limit = (size_t)(request->limits.output != 0 ? request->limits.output
                                                             : config->environments[request->environment].limit_output);
    output_init(&run->output, run->output_limit);
    output_init(&run->error, run->output_limit);
    return run;
}

bool run_needs_preparation(const struct run *run, struct message_run_prepare *message)
{
    *message = (struct message_run_prepare){.memory = (uint64_t)run->limits.memory,
                                            .workspace = (uint64_t)run->limits.workspace,
                                            .processes = (uint32_t)run->limits.processes,
                                            .collect = run->collection != NULL};
    return message->memory > 0 || message->workspace > 0 || message->processes > 0 || message->collect > 0;
}

void run_free(struct run *run)
{
    list_remove(&run->same_bucket);
    if (run->key != NULL)
        key_release(run->key);
    json_decref(run->body);
    job_free(&run->job);
    collection_free(run->collection);
    free(run->report);
    output_free(&run->output);
    output_free(&run->error);
    free(run);
}

void sandbox_close(struct sandbox *sandbox, enum run_stream stream)
{
    if (sandbox->fds[stream] >= 0)
        close(sandbox->fds[stream]);
    sandbox->fds[stream] = -1;
}

int run_send_job(struct run *run)
{
    return job_send(&run->job, run->sandbox->fds[RUN_JOB]);
}

/* Much is printed: larger pipes let the program go on while others have their turn. Where the system refuses, it waits. */
static void widen(struct sandbox *sandbox)
{
    sandbox->wide = true;
    for (enum run_stream stream = RUN_STDOUT; stream <= RUN_STDERR; stream++)
        if (sandbox->fds[stream] >= 0)
            fcntl(sandbox->fds[stream], F_SETPIPE_SZ, PIPE_WIDE);
}

enum run_progress run_read(struct run *run, enum run_stream stream, bool all)
{
    static char bytes[READ_SIZE];
    struct output *output = stream == RUN_STDOUT ? &run->output : &run->error;

    int reads = 0;
    for (size_t taken = 0;;) {
        ssize_t n = read(run->sandbox->fds[stream], bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return RUN_DRAINED;
        if (n <= 0) {
            sandbox_close(run->sandbox, stream);
            return RUN_DRAINED;
        }
        if (run->ended == NULL) /* nobody will read it */
            output->total += (uint64_t)n;
        else
            output_append(output, bytes, (size_t)n);
        if (run->printed != NULL && !run->printed(run, stream, bytes, (size_t)n) && !all)
            return RUN_PAUSED;
        taken += (size_t)n;
        if (all && ++reads == READS_AT_END)
            return RUN_DRAINED;
        if (all) /* until it is empty: in packet mode a pipe gives one piece at a time */
            continue;
        if (taken >= MUCH && !run->sandbox->wide)
            widen(run->sandbox);
        if ((size_t)n < sizeof bytes)
            return taken < MUCH ? RUN_DRAINED : RUN_MORE;
        if (taken >= MOST_A_TURN)
            return RUN_MORE;
    }
}

bool run_over_limit(struct run *run)
{
    const uint64_t most = (uint64_t)run->output_limit * OUTPUT_HARD_MULTIPLE;
    if (run->printed != NULL) /* it is passed on, not kept: the client's pace and the timeout bound it */
        return false;
    if (run->output_limit_reported || (run->output.total <= most && run->error.total <= most))
        return false;
    run->output_limit_reported = true;
    return true;
}
