/* job.h: what a sandbox is told to run, as the bytes that go to its job socket (struct job_head in common/protocol.h). */
#pragma once

#include "common/protocol.h"
#include "front/fields.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

enum { JOB_PARTS_FEW = 2 };

struct job {
    struct job_head head;
    struct iovec few[JOB_PARTS_FEW]; /* head and code: most jobs are no more */
    struct iovec *parts;             /* what goes out, in order */
    size_t part_count;
    char *texts; /* arguments and variables, owned */
    struct job_file *files; /* owned */
    char *decoded;          /* contents that came as Base64, owned */
    size_t sent;
};

/* Makes the job of a request. The texts of the request must stay until job_free(). The job must not be moved in memory. 0, or -1:
 * no memory. */
int job_init(struct job *job, const struct execute_request *request);
void job_free(struct job *job);

/* Sends more of it on a stream socket that does not block. 1: all of it is sent; 0: the socket is full; -1 with errno. */
int job_send(struct job *job, int socket);

/* Whether the program's trusted part could not take the job, and why: it says so before it lets user code run, which has no
 * descriptor for this socket any more. */
bool job_refused(int socket, struct program_status *status);

/* From the beginning again, to another sandbox. */
void job_rewind(struct job *job);
