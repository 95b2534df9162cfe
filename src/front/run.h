/* run.h: one run of a program, from the request to the answer. The pool gives it a sandbox; run.c moves its bytes. */
#pragma once

#include "common/protocol.h"
#include "front/collection.h"
#include "front/job.h"
#include "front/list.h"
#include "front/output.h"
#include "front/queue.h"
#include "front/report.h"
#include "front/request_id.h"
#include "front/trace.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { OUTPUT_HARD_MULTIPLE = 32 /* times the limit: past this the run is ended */ };

/* The descriptors of a sandbox: those that it comes with, and the socket of its collector where there is one. */
enum run_stream { RUN_JOB, RUN_STDOUT, RUN_STDERR, RUN_REPORT, RUN_COLLECTOR, RUN_STREAMS };
enum { SANDBOX_READY_FDS = RUN_COLLECTOR };

struct sandbox {
    struct list link; /* in the pool's ready list */
    uint32_t slot;
    uint64_t generation;
    uint64_t setup_ns;
    uint32_t needs, has;  /* as in struct message_sandbox_ready */
    int fds[RUN_STREAMS]; /* -1: closed */
    bool watched[RUN_STREAMS]; /* by the pool */
    bool wide;                 /* its pipes were made larger */
    struct run *run;      /* NULL: it is ready */
};

struct run {
    struct list link; /* in the pool's list of those that wait, then, now and then, of those that rest */
    struct list same_bucket; /* of the table of runs */
    char id[REQUEST_ID_MAX + 1];
    struct sandbox *sandbox;
    struct api_key *key; /* whose run it is; held */
    struct share *share; /* the key's */
    uint64_t start_by_ns; /* uv_hrtime(): until then it may wait */
    json_t *body; /* owns the texts of the job */
    struct job job;
    struct trace trace;
    double timeout;
    struct run_limits limits;
    struct collection *collection; /* NULL: no files are wanted */
    bool preparing;                /* its sandbox is being made what it asks for */
    bool over;                     /* it has ended as `end` says; its files are still to come */
    struct message_run_ended end;
    struct report *report; /* NULL: there is none, or nothing to tell */
    uint32_t environment; /* its index in the settings */
    uint32_t modules;     /* of the environment's `learn`: those that the program begins with; 0 also where it may not have them early */
    uint32_t lane;        /* of the queue, see queue.h */
    uint64_t give_up_ns;  /* in a learned set's lane: until then it waits there */
    uint64_t number;      /* among all that were submitted */
    uint64_t received_ns, started_ns; /* uv_hrtime(): the request complete, the job written */
    struct output output, error;
    size_t output_limit;
    bool output_limit_reported;
    bool cancelled; /* by request; its client still waits for the answer */
    char hint[256]; /* a line of ours below standard error; "" for none */
    void (*ended)(struct run *run,
                  const struct message_run_ended *end); /* NULL: cancelled. The run is freed after. */
    void (*late)(struct run *run); /* it may not wait any longer; the run is freed after */
    /* NULL, or who wants the output as it comes. */
    void (*started)(struct run *run);
    bool (*printed)(struct run *run, enum run_stream stream, const char *bytes, size_t size); /* false: no more now */
    void *data;
};

struct api_key;

/* A new run, without id and key, of a request whose texts `body` owns (a reference is taken). NULL when memory is out. */
struct run *run_new(json_t *body, const struct execute_request *request, const struct config *config);

/* Does it want a sandbox that is not as all are? `message` is then what to tell the broker, but for the head. */
bool run_needs_preparation(const struct run *run, struct message_run_prepare *message);
void run_free(struct run *run);

/* Writes what is left of the job. 1: all of it; 0: the socket is full; -1 with errno. */
int run_send_job(struct run *run);

enum run_progress {
    RUN_DRAINED, /* little was there, and nothing more is now, or ever: then the stream is closed */
    RUN_MORE,    /* much was there, and there may be more, but others have a turn, too */
    RUN_PAUSED   /* whoever gets the output wants no more now */
};

/* Reads what a stream has. `all`: the program has ended; whatever is left is read at once. */
enum run_progress run_read(struct run *run, enum run_stream stream, bool all);

/* True, once, when a stream printed more than the hard limit. */
bool run_over_limit(struct run *run);

/* Closes one of the sandbox's descriptors. */
void sandbox_close(struct sandbox *sandbox, enum run_stream stream);
