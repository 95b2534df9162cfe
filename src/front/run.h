/* run.h: one run of a program, from the request to the answer. The pool gives it a sandbox; run.c moves its bytes. */
#pragma once

#include "common/protocol.h"
#include "front/list.h"
#include "front/output.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { RUN_ID_SIZE = 32, OUTPUT_HARD_MULTIPLE = 32 /* times the limit: past this the run is ended */ };

enum run_stream { RUN_JOB, RUN_STDOUT, RUN_STDERR, RUN_STREAMS };

struct sandbox {
    struct list link; /* in the pool's ready list */
    uint32_t slot;
    uint64_t generation;
    uint64_t setup_ns;
    int fds[RUN_STREAMS]; /* -1: closed */
    struct run *run;      /* NULL: it is ready */
};

struct run {
    struct list link; /* in the pool's list of those that wait, then of those that are not watched yet */
    char id[RUN_ID_SIZE + 1];
    struct sandbox *sandbox;
    json_t *body; /* owns the code */
    const char *code;
    size_t code_size, job_sent;
    double timeout;
    uint32_t environment; /* its index in the settings */
    uint64_t number;      /* among all that were submitted */
    uint64_t received_ns, started_ns; /* uv_hrtime(): the request complete, the job written */
    struct output output, error;
    size_t output_limit;
    bool output_limit_reported;
    void (*ended)(struct run *run,
                  const struct message_run_ended *end); /* NULL: cancelled. The run is freed after. */
    void *data;
};

/* A new run of the code, which `body` owns (a reference is taken). NULL when memory is out. */
struct run *run_new(json_t *body, const char *code, size_t code_size, double timeout, size_t output_limit);
void run_free(struct run *run);

/* Writes what is left of the job. 1: all of it, the socket is closed; 0: the socket is full; -1 with errno. */
int run_send_job(struct run *run);

/* Reads what a stream has. False when the stream has ended; it is then closed. */
bool run_read(struct run *run, enum run_stream stream);

/* True, once, when a stream printed more than the hard limit. */
bool run_over_limit(struct run *run);

/* Closes one of the sandbox's descriptors. */
void sandbox_close(struct sandbox *sandbox, enum run_stream stream);
