/* metrics.h: what the service counts, and GET /metrics, which writes it as Prometheus reads it (text format 0.0.4). */
#pragma once

#include "common/config.h"
#include "common/protocol.h"
#include "front/buffer.h"
#include "front/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;
struct server;

/* Why a request was refused though it was well-formed. */
enum rejection { REJECTED_QUEUE_FULL, REJECTED_CONNECTIONS, REJECTED_HOST, REJECTED_ORIGIN, REJECTED_KEY,
                 REJECTED_KEY_RATE, REJECTED_KEY_QUEUE, REJECTED_WAIT, REJECTION_COUNT };

enum { METRICS_STATUS_COUNT = 9, METRICS_BUCKET_COUNT = 18, METRICS_CODE_MAX = 600 };

struct histogram {
    uint64_t counts[METRICS_BUCKET_COUNT + 1]; /* each of its own bucket; the last: above all bounds */
    double sum;
};

struct metrics {
    uint64_t runs[CONFIG_ENVIRONMENTS_MAX][METRICS_STATUS_COUNT];
    uint64_t learned_runs[CONFIG_ENVIRONMENTS_MAX][2]; /* [1]: they had a sandbox with modules that they import */
    struct histogram queued, setup, wall;
    uint64_t rejections[REJECTION_COUNT];
    uint64_t answers[METRICS_CODE_MAX]; /* by status code */
    uint64_t connections;               /* accepted */
    struct list asking;                 /* requests that wait for the broker's numbers */
};

void metrics_init(struct metrics *metrics);

/* A run has ended. `status` is the API's word. */
void metrics_run(struct metrics *metrics, uint32_t environment, const char *status, uint64_t queued_ns, uint64_t setup_ns,
                 uint64_t wall_ns);

/* A run whose program begins with modules that can be learned. */
static inline void metrics_learned_run(struct metrics *metrics, uint32_t environment, bool warm)
{
    metrics->learned_runs[environment][warm]++;
}

static inline void metrics_rejected(struct metrics *metrics, enum rejection why)
{
    metrics->rejections[why]++;
}

static inline void metrics_answered(struct metrics *metrics, int status)
{
    if (status >= 0 && status < METRICS_CODE_MAX)
        metrics->answers[status]++;
}

/* GET /metrics: answers when the broker has told what it knows. */
void metrics_request(struct connection *connection);

/* The broker's MESSAGE_STATS. */
void metrics_told(const struct server *server, const struct message_stats *stats);
