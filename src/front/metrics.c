/* metrics.c: see metrics.h. Runs in the front. `families` is the one table: what is not in it is not shown. */
#include "front/metrics.h"

#include "front/connection.h"
#include "front/keys.h"
#include "front/pool.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static const char *const statuses[METRICS_STATUS_COUNT] = {
    "ok", "error", "timeout", "cpu_limit", "memory_limit", "output_limit", "signal", "cancelled", "failed"};

static const char *const rejections[REJECTION_COUNT] = {
    [REJECTED_QUEUE_FULL] = "queue_full",
    [REJECTED_CONNECTIONS] = "connections",
    [REJECTED_HOST] = "host",
    [REJECTED_ORIGIN] = "origin",
    [REJECTED_KEY] = "key",
    [REJECTED_KEY_RATE] = "key_rate",
    [REJECTED_KEY_QUEUE] = "key_queue",
    [REJECTED_WAIT] = "wait",
};

static const char *const roles[ROLE_COUNT] = {
    [ROLE_BROKER] = "broker", [ROLE_FRONT] = "front", [ROLE_INCUBATOR] = "incubator", [ROLE_ZYGOTE] = "zygote"};

static const double bounds[METRICS_BUCKET_COUNT] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                    0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30,    60};

/* A request for /metrics that waits. */
struct asking {
    struct list link;
    struct connection *connection;
};

/* --- counting ---------------------------------------------------------------------------------------------- */

void metrics_init(struct metrics *metrics)
{
    *metrics = (struct metrics){0};
    list_init(&metrics->asking);
}

static void observe(struct histogram *histogram, uint64_t ns)
{
    const double seconds = (double)ns / 1e9;
    size_t bucket = 0;
    while (bucket < METRICS_BUCKET_COUNT && seconds > bounds[bucket])
        bucket++;
    histogram->counts[bucket]++;
    histogram->sum += seconds;
}

void metrics_run(struct metrics *metrics, uint32_t environment, const char *status, uint64_t queued_ns, uint64_t setup_ns,
                 uint64_t wall_ns)
{
    for (size_t i = 0; i < METRICS_STATUS_COUNT; i++)
        if (strcmp(status, statuses[i]) == 0)
            metrics->runs[environment][i]++;
    observe(&metrics->queued, queued_ns);
    observe(&metrics->setup, setup_ns);
    observe(&metrics->wall, wall_ns);
}

/* --- writing ----------------------------------------------------------------------------------------------- */

struct scrape {
    struct buffer *out;
    const struct server *server;
    const struct metrics *metrics;
    const struct message_stats *stats;
    struct pool_state pool;
    const char *name; /* of the family being written */
};

static void sample(const struct scrape *s, const char *label, const char *value, uint64_t number)
{
    if (label != NULL)
        buffer_format(s->out, "%s{%s=\"%s\"} %llu\n", s->name, label, value, (unsigned long long)number);
    else
        buffer_format(s->out, "%s %llu\n", s->name, (unsigned long long)number);
}

static const char *environment_name(const struct scrape *s, size_t index)
{
    return s->server->config->environments[index].name;
}

static void write_build(const struct scrape *s)
{
    sample(s, "version", HATCHERY_VERSION, 1);
}

static void write_runs(const struct scrape *s)
{
    for (size_t e = 0; e < s->server->config->environment_count; e++)
        for (size_t i = 0; i < METRICS_STATUS_COUNT; i++)
            buffer_format(s->out, "%s{environment=\"%s\",status=\"%s\"} %llu\n", s->name, environment_name(s, e),
                          statuses[i], (unsigned long long)s->metrics->runs[e][i]);
}

static void write_learned_runs(const struct scrape *s)
{
    static const char *const sandboxes[] = {"plain", "learned"};
    for (size_t e = 0; e < s->server->config->environment_count; e++)
        for (size_t i = 0; i < 2; i++)
            buffer_format(s->out, "%s{environment=\"%s\",sandbox=\"%s\"} %llu\n", s->name, environment_name(s, e), sandboxes[i],
                          (unsigned long long)s->metrics->learned_runs[e][i]);
}

static void write_learned_ready(const struct scrape *s)
{
    for (size_t e = 0; e < s->server->config->environment_count; e++)
        sample(s, "environment", environment_name(s, e), s->pool.learned[e]);
}

static void write_learned_sets(const struct scrape *s)
{
    for (size_t e = 0; e < s->server->config->environment_count; e++)
        sample(s, "environment", environment_name(s, e), environment_learned(s->server->environments, e)->count);
}

static void write_learned_bytes(const struct scrape *s)
{
    for (size_t e = 0; e < s->server->config->environment_count; e++) {
        const struct message_learned *learned = environment_learned(s->server->environments, e);
        uint64_t bytes = 0;
        for (uint32_t i = 0; i < LEARNED_MAX; i++)
            bytes += learned->bytes[i];
        sample(s, "environment", environment_name(s, e), bytes);
    }
}

static void write_histogram(const struct scrape *s, const struct histogram *histogram)
{
    uint64_t count = 0;
    for (size_t i = 0; i < METRICS_BUCKET_COUNT; i++) {
        count += histogram->counts[i];
        buffer_format(s->out, "%s_bucket{le=\"%g\"} %llu\n", s->name, bounds[i], (unsigned long long)count);
    }
    count += histogram->counts[METRICS_BUCKET_COUNT];
    buffer_format(s->out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.9g\n%s_count %llu\n", s->name, (unsigned long long)count,
                  s->name, histogram->sum, s->name, (unsigned long long)count);
}

static void write_queued(const struct scrape *s)
{
    write_histogram(s, &s->metrics->queued);
}

static void write_setup(const struct scrape *s)
{
    write_histogram(s, &s->metrics->setup);
}

static void write_wall(const struct scrape *s)
{
    write_histogram(s, &s->metrics->wall);
}

static void write_running(const struct scrape *s)
{
    sample(s, NULL, NULL, s->pool.running);
}

static void write_waiting(const struct scrape *s)
{
    sample(s, NULL, NULL, s->pool.waiting);
}

static void write_ready(const struct scrape *s)
{
    for (size_t e = 0; e < s->server->config->environment_count; e++)
        sample(s, "environment", environment_name(s, e), s->pool.ready[e]);
}

static void write_rejections(const struct scrape *s)
{
    for (size_t i = 0; i < REJECTION_COUNT; i++)
        sample(s, "reason", rejections[i], s->metrics->rejections[i]);
}

static void write_answers(const struct scrape *s)
{
    char code[4];
    for (int i = 100; i < METRICS_CODE_MAX; i++) {
        if (s->metrics->answers[i] == 0)
            continue;
        snprintf(code, sizeof code, "%d", i);
        sample(s, "code", code, s->metrics->answers[i]);
    }
}

static void write_connections(const struct scrape *s)
{
    sample(s, NULL, NULL, (uint64_t)s->server->connection_count);
}

static void write_accepted(const struct scrape *s)
{
    sample(s, NULL, NULL, s->metrics->connections);
}

static void write_restarts(const struct scrape *s)
{
    for (size_t i = ROLE_FRONT; i < ROLE_COUNT; i++) /* nobody restarts the broker */
        sample(s, "role", roles[i], s->stats->restarts[i]);
}

static void write_resident(const struct scrape *s)
{
    for (size_t i = 0; i < ROLE_COUNT; i++)
        sample(s, "role", roles[i], s->stats->resident_bytes[i]);
}

static void write_heap(const struct scrape *s)
{
    sample(s, NULL, NULL, mallinfo2().uordblks);
}

static void write_bodies(const struct scrape *s)
{
    sample(s, NULL, NULL, s->server->bodies.held);
}

static void write_quarantined(const struct scrape *s)
{
    sample(s, NULL, NULL, s->stats->quarantined);
}

/* The keys, one after the other, from NULL to NULL: as many labels as the file has names. */
static const struct api_key *next_key(const struct scrape *s, const struct api_key *key)
{
    const struct list *all = &s->server->keys->all, *next = key != NULL ? key->link.next : all->next;
    return next != all ? LIST_ENTRY(next, struct api_key, link) : NULL;
}

static void write_key_runs(const struct scrape *s)
{
    for (const struct api_key *key = next_key(s, NULL); key != NULL; key = next_key(s, key))
        sample(s, "key", key->entry.name, key->runs);
}

static void write_key_seconds(const struct scrape *s)
{
    for (const struct api_key *key = next_key(s, NULL); key != NULL; key = next_key(s, key))
        buffer_format(s->out, "%s{key=\"%s\"} %.9g\n", s->name, key->entry.name, key->run_seconds);
}

static void write_key_rejections(const struct scrape *s)
{
    for (const struct api_key *key = next_key(s, NULL); key != NULL; key = next_key(s, key))
        sample(s, "key", key->entry.name, key->rejections);
}

static void write_key_running(const struct scrape *s)
{
    for (const struct api_key *key = next_key(s, NULL); key != NULL; key = next_key(s, key))
        sample(s, "key", key->entry.name, (uint64_t)key->share.running);
}

static void write_key_waiting(const struct scrape *s)
{
    for (const struct api_key *key = next_key(s, NULL); key != NULL; key = next_key(s, key))
        sample(s, "key", key->entry.name, (uint64_t)key->share.waiting_count);
}

static const struct family {
    const char *name, *type, *help;
    void (*write)(const struct scrape *scrape);
    bool of_keys; /* only where keys are configured */
} families[] = {
    {"hatchery_build_info", "gauge", "The version that runs.", write_build},
    {"hatchery_runs_total", "counter", "Runs that have ended.", write_runs},
    {"hatchery_runs_running", "gauge", "Runs going on.", write_running},
    {"hatchery_runs_waiting", "gauge", "Requests that wait for a sandbox.", write_waiting},
    {"hatchery_run_queue_seconds", "histogram", "From the complete request to the program handed over.", write_queued},
    {"hatchery_run_setup_seconds", "histogram", "Making the run's sandbox, ahead of time.", write_setup},
    {"hatchery_run_seconds", "histogram", "Wall clock of the program.", write_wall},
    {"hatchery_sandboxes_ready", "gauge", "Sandboxes that wait for a program.", write_ready},
    {"hatchery_learned_runs_total", "counter", "Runs that begin with modules that can be learned, by the sandbox that they had.", write_learned_runs},
    {"hatchery_learned_sets", "gauge", "Interpreters with learned modules.", write_learned_sets},
    {"hatchery_learned_bytes", "gauge", "Memory of these interpreters when they had imported them.", write_learned_bytes},
    {"hatchery_learned_sandboxes_ready", "gauge", "Sandboxes with learned modules that wait for a program.", write_learned_ready},
    {"hatchery_sandboxes_quarantined", "gauge", "Places of sandboxes that could not be cleaned and are lost.", write_quarantined},
    {"hatchery_rejections_total", "counter", "Well-formed requests that were refused.", write_rejections},
    {"hatchery_http_responses_total", "counter", "HTTP answers.", write_answers},
    {"hatchery_connections", "gauge", "Client connections.", write_connections},
    {"hatchery_connections_total", "counter", "Client connections accepted.", write_accepted},
    {"hatchery_process_restarts_total", "counter", "Processes that ended and were started again.", write_restarts},
    {"hatchery_process_resident_bytes", "gauge", "Memory of the lasting processes, shared pages included.", write_resident},
    {"hatchery_front_heap_bytes", "gauge", "Heap that the front uses.", write_heap},
    {"hatchery_request_body_bytes", "gauge", "Bodies of requests that are here, whole or in part; body-memory is their most.", write_bodies},
    {"hatchery_key_runs_total", "counter", "Runs of a key that have ended.", write_key_runs, true},
    {"hatchery_key_run_seconds_total", "counter", "Wall clock of a key's programs.", write_key_seconds, true},
    {"hatchery_key_rejections_total", "counter", "Well-formed requests of a key that were refused.", write_key_rejections, true},
    {"hatchery_key_runs_running", "gauge", "Runs of a key going on.", write_key_running, true},
    {"hatchery_key_runs_waiting", "gauge", "Requests of a key that wait for a sandbox.", write_key_waiting, true},
};

static void answer(struct connection *connection, const struct message_stats *stats)
{
    const struct server *server = connection_server(connection);
    struct response *response = connection_response(connection);
    struct scrape scrape = {.out = &response->body, .server = server, .metrics = server->metrics, .stats = stats};

    pool_look(server->pool, &scrape.pool);
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        if (families[i].of_keys && !server->keys->required)
            continue;
        scrape.name = families[i].name;
        buffer_format(scrape.out, "# HELP %s %s\n# TYPE %s %s\n", scrape.name, families[i].help, scrape.name,
                      families[i].type);
        families[i].write(&scrape);
    }
    response->content_type = "text/plain; version=0.0.4; charset=utf-8";
    response_header(response, "cache-control", "no-store");
    connection_answer(connection);
}

/* --- asking the broker ------------------------------------------------------------------------------------- */

static void forget(void *data)
{
    struct asking *asking = data;
    list_remove(&asking->link);
    free(asking);
}

void metrics_request(struct connection *connection)
{
    struct server *server = connection_server(connection);
    struct asking *asking = calloc(1, sizeof *asking);

    if (asking == NULL) {
        response_json(connection_response(connection), 500, "{\"detail\":\"Internal Server Error\"}");
        connection_answer(connection);
        return;
    }
    asking->connection = connection;
    if (list_empty(&server->metrics->asking))
        pool_ask_stats(server->pool);
    list_append(&server->metrics->asking, &asking->link);
    connection_on_gone(connection, forget, asking);
}

void metrics_told(const struct server *server, const struct message_stats *stats)
{
    struct list now; /* an answered connection may ask again at once */

    list_init(&now);
    while (!list_empty(&server->metrics->asking)) {
        struct list *link = server->metrics->asking.next;
        list_remove(link);
        list_append(&now, link);
    }
    while (!list_empty(&now)) {
        struct asking *asking = LIST_ENTRY(now.next, struct asking, link);
        struct connection *connection = asking->connection;
        forget(asking);
        answer(connection, stats);
    }
}
