/* run.c: see run.h. Runs in the front; what it reads is a program's and hostile. */
#include "front/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { READ_SIZE = 65536, ID_BYTES = RUN_ID_SIZE / 2, IDS_A_BATCH = 64 };

static void make_id(char *id)
{
    static unsigned char random[ID_BYTES * IDS_A_BATCH];
    static size_t left;
    static const char digits[] = "0123456789abcdef";

    if (left == 0) {
        while (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        }
        left = IDS_A_BATCH;
    }
    const unsigned char *bytes = random + --left * ID_BYTES;
    for (int i = 0; i < ID_BYTES; i++) {
        id[2 * i] = digits[bytes[i] >> 4];
        id[2 * i + 1] = digits[bytes[i] & 15];
    }
    id[RUN_ID_SIZE] = '\0';
}

struct run *run_new(json_t *body, const char *code, size_t code_size, double timeout, size_t output_limit)
{
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL)
        return NULL;
    list_init(&run->link);
    make_id(run->id);
    run->body = json_incref(body);
    run->code = code;
    run->code_size = code_size;
    run->timeout = timeout;
    run->output_limit = output_limit;
    output_init(&run->output, output_limit);
    output_init(&run->error, output_limit);
    return run;
}

void run_free(struct run *run)
{
    json_decref(run->body);
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
    const struct job_head head = {.magic = JOB_MAGIC, .code_size = run->code_size};
    const size_t all = sizeof head + run->code_size;

    while (run->job_sent < all) {
        size_t head_left = run->job_sent < sizeof head ? sizeof head - run->job_sent : 0;
        size_t code_done = run->job_sent > sizeof head ? run->job_sent - sizeof head : 0;
        struct iovec parts[2] = {{(char *)&head + (sizeof head - head_left), head_left},
                                 {(char *)run->code + code_done, run->code_size - code_done}};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        ssize_t n = sendmsg(run->sandbox->fds[RUN_JOB], &message, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        run->job_sent += (size_t)n;
    }
    sandbox_close(run->sandbox, RUN_JOB);
    return 1;
}

bool run_read(struct run *run, enum run_stream stream)
{
    static char bytes[READ_SIZE];
    struct output *output = stream == RUN_STDOUT ? &run->output : &run->error;

    for (;;) {
        ssize_t n = read(run->sandbox->fds[stream], bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return true;
        if (n <= 0) {
            sandbox_close(run->sandbox, stream);
            return false;
        }
        if (run->ended == NULL) /* nobody will read it */
            output->total += (uint64_t)n;
        else
            output_append(output, bytes, (size_t)n);
        if ((size_t)n < sizeof bytes)
            return true;
    }
}

bool run_over_limit(struct run *run)
{
    const uint64_t most = (uint64_t)run->output_limit * OUTPUT_HARD_MULTIPLE;
    if (run->output_limit_reported || (run->output.total <= most && run->error.total <= most))
        return false;
    run->output_limit_reported = true;
    return true;
}
