/* runner.c: see runner.h. Its whole life is one run, so it simply waits on four descriptors. What comes out of the
 * sandbox is hostile: it is copied, bounded, never interpreted. */
#include "runner/runner.h"
#include "common/channel.h"
#include "front/answer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum { COPY_BYTES = 64 * 1024 };

struct runner {
    const struct config *config;
    const struct run_request *request;
    int channel;
    struct sandbox sandbox;
    bool job_done; /* nothing of it is to be sent any more */
    struct run run;
    struct message_run_ended end;
};

static int write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        bytes += n;
        size -= (size_t)n;
    }
    return 0;
}

/* Waits for the sandbox. -1: there will be none. */
static int take_sandbox(struct runner *runner)
{
    struct message message;
    for (;;) {
        int r = channel_receive(runner->channel, &message);
        if (r <= 0)
            return -1;
        if (message.head.type == MESSAGE_SANDBOX_READY && message.fd_count == SANDBOX_READY_FDS)
            break;
        message_close_fds(&message);
    }
    runner->sandbox.slot = message.head.slot;
    runner->sandbox.generation = message.head.generation;
    runner->sandbox.setup_ns = message.sandbox_ready.setup_ns;
    memcpy(runner->sandbox.fds, message.fds, SANDBOX_READY_FDS * sizeof *runner->sandbox.fds);
    runner->sandbox.fds[RUN_COLLECTOR] = -1;
    struct message_run_start start = {
        .head = {.type = MESSAGE_RUN_START, .slot = message.head.slot, .generation = message.head.generation},
        .sent_ns = uv_hrtime(),
        .timeout_ns = (uint64_t)(runner->request->request.timeout * 1e9)};
    return channel_send(runner->channel, &start, sizeof start, NULL, 0);
}

/* Sends more of the job, until all of it is there, or nobody reads it any more. */
static void send_job(struct runner *runner)
{
    runner->job_done = job_send(&runner->run.job, runner->sandbox.fds[RUN_JOB]) != 0;
}

static void kill_run(struct runner *runner, enum kill_reason reason)
{
    struct message_run_kill kill = {
        .head = {.type = MESSAGE_RUN_KILL, .slot = runner->sandbox.slot, .generation = runner->sandbox.generation},
        .reason = reason};
    if (channel_send(runner->channel, &kill, sizeof kill, NULL, 0) != 0)
        exit(RUN_STATUS_FAILED);
}

/* Reads what a stream has now: to the answer, or straight through. False at its end. */
static bool copy(struct runner *runner, enum run_stream stream)
{
    static char bytes[COPY_BYTES];
    for (;;) {
        ssize_t n = read(runner->sandbox.fds[stream], bytes, sizeof bytes);
        if (n < 0 && errno == EAGAIN)
            return true;
        if (n <= 0)
            return false;
        struct output *output = stream == RUN_STDOUT ? &runner->run.output : &runner->run.error;
        if (runner->request->json)
            output_append(output, bytes, (size_t)n);
        else if (write_all(stream == RUN_STDOUT ? STDOUT_FILENO : STDERR_FILENO, bytes, (size_t)n) != 0)
            kill_run(runner, KILL_CANCELLED); /* our reader is gone */
        if (runner->request->json && output->total > (uint64_t)output->limit * OUTPUT_HARD_MULTIPLE &&
            !runner->run.output_limit_reported) {
            runner->run.output_limit_reported = true;
            kill_run(runner, KILL_OUTPUT_LIMIT);
        }
    }
}

/* Until the verdict is there. -1: the broker is gone. */
static int follow(struct runner *runner)
{
    int *fds = runner->sandbox.fds;
    struct message message;
    for (;;) {
        struct pollfd watched[4] = {{runner->channel, POLLIN, 0},
                                    {runner->job_done ? -1 : fds[RUN_JOB], POLLOUT, 0},
                                    {fds[RUN_STDOUT], POLLIN, 0},
                                    {fds[RUN_STDERR], POLLIN, 0}};
        if (poll(watched, 4, -1) < 0 && errno != EINTR)
            return -1;
        if (watched[1].revents != 0)
            send_job(runner);
        for (enum run_stream stream = RUN_STDOUT; stream <= RUN_STDERR; stream++)
            if (fds[stream] >= 0 && watched[1 + stream].revents != 0 && !copy(runner, stream)) {
                close(fds[stream]);
                fds[stream] = -1;
            }
        if (watched[0].revents == 0)
            continue;
        if (channel_receive(runner->channel, &message) <= 0)
            return -1;
        message_close_fds(&message);
        if (message.head.type == MESSAGE_RUN_ENDED && message.head.generation == runner->sandbox.generation)
            break;
        if (message.head.type == MESSAGE_SANDBOX_GONE && message.head.generation == runner->sandbox.generation) {
            message.run_ended = (struct message_run_ended){.outcome = RUN_FAILED}; /* it died before it was started */
            break;
        }
    }
    struct program_status status;
    runner->end = message.run_ended;
    if (runner->end.outcome == RUN_EXITED && job_refused(fds[RUN_JOB], &status)) {
        fprintf(stderr, "hatchery run: %s: %s\n", status.what, strerror(status.error));
        runner->end.outcome = RUN_FAILED;
    }
    for (enum run_stream stream = RUN_STDOUT; stream <= RUN_STDERR; stream++)
        if (fds[stream] >= 0)
            copy(runner, stream);
    return 0;
}

static int print_answer(struct runner *runner)
{
    struct buffer out;
    buffer_init(&out, SIZE_MAX);
    runner->run.report = report_read(runner->sandbox.fds[RUN_REPORT], &runner->end);
    answer_write(&out, &runner->run, &runner->end);
    buffer_append(&out, "\n", 1);
    if (out.failed || write_all(STDOUT_FILENO, out.data, out.size) != 0)
        return RUN_STATUS_FAILED;
    return runner->end.outcome == RUN_EXITED ? runner->end.exit_code : RUN_STATUS_SIGNAL + 9;
}

/* What the API says in a line of `error` and in `status`. */
static int print_verdict(const struct runner *runner)
{
    const struct message_run_ended *end = &runner->end;
    char seconds[NUMBER_TEXT_MAX];
    number_text(runner->request->request.timeout, seconds);
    switch ((enum run_outcome)end->outcome) {
    case RUN_EXITED:
        return end->exit_code;
    case RUN_SIGNALED:
        return RUN_STATUS_SIGNAL + end->signal;
    case RUN_TIMEOUT:
        fprintf(stderr, "hatchery: Execution timed out after %s seconds\n", seconds);
        return RUN_STATUS_TIMEOUT;
    case RUN_FAILED:
        fprintf(stderr, "hatchery run: the service failed\n");
        return RUN_STATUS_FAILED;
    default:
        fprintf(stderr, "hatchery: the run was ended: %s\n", answer_status(end));
        return RUN_STATUS_SIGNAL + 9;
    }
}

int runner_main(const struct config *config, int channel, const struct run_request *request)
{
    static struct runner runner;
    runner = (struct runner){.config = config, .request = request, .channel = channel};
    struct run *run = &runner.run;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || job_init(&run->job, &request->request) != 0) {
        fprintf(stderr, "hatchery run: cannot begin: %s\n", strerror(errno));
        return RUN_STATUS_FAILED;
    }
    if (take_sandbox(&runner) != 0) /* the broker has ended, and says why */
        return RUN_STATUS_FAILED;
    run->sandbox = &runner.sandbox;
    run->timeout = request->request.timeout;
    run->output_limit = (size_t)config->environments[0].limit_output;
    snprintf(run->id, sizeof run->id, "run");
    output_init(&run->output, run->output_limit);
    output_init(&run->error, run->output_limit);
    send_job(&runner);
    if (follow(&runner) != 0)
        return RUN_STATUS_FAILED;
    return request->json && runner.end.outcome != RUN_FAILED ? print_answer(&runner) : print_verdict(&runner);
}
