/* job.c: see job.h. Runs in the front and in the runner. The texts stay where the request's parser left them: nothing
 * large is copied. */
#include "front/job.h"

#include "front/texts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PARTS_A_SEND = 64 };

static char *add_text(char *at, struct string_view text, char end)
{
    if (text.size > 0)
        memcpy(at, text.data, text.size);
    at[text.size] = end;
    return at + text.size + 1;
}

/* Arguments and variables as one run of bytes. */
static int gather_texts(struct job *job, const struct execute_request *request)
{
    const struct string_view *args = request->args.items;
    const struct string_pair *env = request->env.items;
    for (size_t i = 0; i < request->args.count; i++)
        job->head.args_size += args[i].size + 1;
    for (size_t i = 0; i < request->env.count; i++)
        job->head.env_size += env[i].name.size + 1 + env[i].value.size + 1;
    if (job->head.args_size + job->head.env_size == 0)
        return 0;
    char *at = job->texts = malloc(job->head.args_size + job->head.env_size);
    if (at == NULL)
        return -1;
    for (size_t i = 0; i < request->args.count; i++)
        at = add_text(at, args[i], '\0');
    for (size_t i = 0; i < request->env.count; i++) {
        at = add_text(at, env[i].name, '=');
        at = add_text(at, env[i].value, '\0');
    }
    return 0;
}

static void add_part(struct job *job, const void *bytes, size_t size)
{
    if (size > 0)
        job->parts[job->part_count++] = (struct iovec){(void *)bytes, size};
}

/* The heads of the files, and room for what has to be decoded. */
static int gather_files(struct job *job, const struct execute_request *request)
{
    const struct input_file *files = request->files.items;
    size_t decoded = 0;
    job->head.file_count = (uint32_t)request->files.count;
    if (request->files.count == 0)
        return 0;
    job->files = calloc(request->files.count, sizeof *job->files);
    for (size_t i = 0; job->files != NULL && i < request->files.count; i++) {
        const bool base64 = files[i].content.data == NULL;
        job->files[i].path_size = (uint32_t)files[i].path.size;
        job->files[i].size = base64 ? text_base64_size(files[i].content_base64) : files[i].content.size;
        decoded += base64 ? job->files[i].size : 0;
    }
    job->decoded = malloc(decoded + 1);
    return job->files != NULL && job->decoded != NULL ? 0 : -1;
}

static void add_files(struct job *job, const struct execute_request *request)
{
    const struct input_file *files = request->files.items;
    char *decoded = job->decoded;
    for (size_t i = 0; i < request->files.count; i++) {
        const char *content = files[i].content.data;
        if (content == NULL) {
            text_base64_decode(files[i].content_base64, decoded);
            content = decoded;
            decoded += job->files[i].size;
        }
        add_part(job, &job->files[i], sizeof job->files[i]);
        add_part(job, files[i].path.data, files[i].path.size);
        add_part(job, content, job->files[i].size);
    }
}

int job_init(struct job *job, const struct execute_request *request)
{
    *job = (struct job){.head = {.magic = JOB_MAGIC,
                                 .open_files = (uint32_t)request->limits.open_files,
                                 .workspace = (uint64_t)request->limits.workspace,
                                 .code_size = request->code.size,
                                 .stdin_size = request->stdin_text.size}};
    if (gather_texts(job, request) == 0 && gather_files(job, request) == 0) {
        const size_t parts = JOB_PARTS_FEW + 2 /* the texts, standard input */ + 3 * request->files.count;
        const bool few = job->texts == NULL && job->files == NULL && request->stdin_text.size == 0;
        job->parts = few ? job->few : calloc(parts, sizeof *job->parts);
    }
    if (job->parts == NULL) {
        job_free(job);
        return -1;
    }
    add_part(job, &job->head, sizeof job->head);
    add_part(job, request->code.data, request->code.size);
    add_part(job, job->texts, job->head.args_size + job->head.env_size);
    add_files(job, request);
    add_part(job, request->stdin_text.data, request->stdin_text.size);
    return 0;
}

void job_free(struct job *job)
{
    if (job->parts != job->few)
        free(job->parts);
    free(job->texts);
    free(job->files);
    free(job->decoded);
    *job = (struct job){0};
}

/* The parts, or the first of them, without what is sent already. */
static int unsent(const struct job *job, struct iovec parts[PARTS_A_SEND])
{
    size_t skip = job->sent;
    int count = 0;
    for (size_t i = 0; i < job->part_count && count < PARTS_A_SEND; i++) {
        const struct iovec *part = &job->parts[i];
        if (skip >= part->iov_len) {
            skip -= part->iov_len;
            continue;
        }
        parts[count++] = (struct iovec){(char *)part->iov_base + skip, part->iov_len - skip};
        skip = 0;
    }
    return count;
}

int job_send(struct job *job, int socket)
{
    struct iovec parts[PARTS_A_SEND];
    int count;
    while ((count = unsent(job, parts)) > 0) {
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
        ssize_t n = sendmsg(socket, &message, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        job->sent += (size_t)n;
    }
    return 1;
}

bool job_refused(int socket, struct program_status *status)
{
    status->magic = 0;
    const ssize_t n = socket >= 0 ? read(socket, status, sizeof *status) : -1;
    status->what[sizeof status->what - 1] = '\0';
    return n == (ssize_t)sizeof *status && status->magic == JOB_MAGIC && status->error != 0;
}

void job_rewind(struct job *job)
{
    job->sent = 0;
}
