/* front.c: the front's main: opens what it needs, confines itself, serves. See front.h. */
#include "front/front.h"

#include "common/log.h"
#include "front/confine.h"
#include "front/json_in.h"
#include "front/keys.h"
#include "front/metrics.h"
#include "front/openapi.h"
#include "front/pool.h"
#include "front/server.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    SANDBOX_DESCRIPTORS = RUN_STREAMS,
    RESERVED_DESCRIPTORS = 64 /* the loop's own, standard streams, a message's on arrival */
};

static struct server server;
static struct metrics metrics;
static struct keys keys;

static void on_broker_gone(void)
{
    _exit(0); /* no run can be answered any more; the broker's successor starts a new front */
}

static void on_terminate(uv_signal_t *signal, int number)
{
    log_event(LOG_INFO, "front.draining", LOG_I("connections", server.connection_count));
    uv_signal_stop(signal);
    server_drain(&server);
}

/* Raises the descriptor limit and returns how many connections leave enough of them for the sandboxes. */
static int64_t connections_max(const struct config *config)
{
    struct rlimit limit;
    int64_t sandboxes = config->concurrency;
    for (size_t i = 0; i < config->environment_count; i++)
        sandboxes += config->environments[i].pool_max;
    int64_t reserve = RESERVED_DESCRIPTORS + sandboxes * SANDBOX_DESCRIPTORS;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return config->max_connections;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    int64_t left = limit.rlim_cur > (rlim_t)(reserve + 1) ? (int64_t)limit.rlim_cur - reserve : 1;
    if (left < config->max_connections)
        log_event(LOG_WARN, "front.few_descriptors", LOG_I("max_connections", left));
    return left < config->max_connections ? left : config->max_connections;
}

static int prepare(const struct config *config, int listen_fd, int channel_fd, struct error *err)
{
    static uv_loop_t loop;
    static uv_signal_t terminate;

    signal(SIGPIPE, SIG_IGN);
    tzset();
    json_in_init();
    server.config = config;
    server.connections_max = connections_max(config);
    server.openapi = openapi_build(config, &server.openapi_size);
    if (server.openapi == NULL)
        return error_set(err, 0, "cannot build the OpenAPI document");
    int status = uv_loop_init(&loop);
    if (status == 0)
        status = uv_signal_init(&loop, &terminate);
    if (status == 0)
        status = uv_signal_start(&terminate, on_terminate, SIGTERM);
    if (status != 0)
        return error_set(err, -status, "cannot start the event loop");
    server.loop = &loop;
    server.environments = environments_new(config);
    if (server.environments == NULL)
        return error_set(err, ENOMEM, "cannot start the front");
    server.metrics = &metrics;
    metrics_init(&metrics);
    server.keys = &keys;
    keys_init(&keys, config->keys_file[0] != '\0');
    server.pool = pool_start(&server, channel_fd, on_broker_gone, err);
    if (server.pool == NULL)
        return -1;
    if (front_confine(config, err) != 0)
        return -1;
    return server_start(&server, listen_fd, err);
}

int front_main(const struct config *config, const char *isolation, int listen_fd, int channel_fd)
{
    struct error err;

    server.isolation = isolation;
    if (prepare(config, listen_fd, channel_fd, &err) != 0) {
        log_event(LOG_ERROR, "front.failed", LOG_S("reason", err.text));
        return EXIT_FAILURE;
    }
    log_event(LOG_INFO, "front.started", LOG_I("connections_max", server.connections_max));
    uv_run(server.loop, UV_RUN_DEFAULT);
    _exit(0); /* the confined process has nothing to tear down that the kernel does not */
}
