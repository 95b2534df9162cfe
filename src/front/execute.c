/* execute.c: POST /execute: body > validated request > run > answer. Runs in the front. */
#include "front/execute.h"

#include "front/answer.h"
#include "front/connection.h"
#include "front/environments.h"
#include "front/imports.h"
#include "front/keys.h"
#include "front/metrics.h"
#include "front/pool.h"
#include "front/stream.h"
#include "front/validate.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Whether FastAPI reads such a body as JSON: application/json or application/anything+json, parameters ignored.
 * A missing content type counts as JSON. */
static bool is_json_type(const char *type)
{
    static const char application[] = "application/", json[] = "json";
    const size_t prefix = sizeof application - 1, suffix = sizeof json - 1;

    if (type[0] == '\0')
        return true;
    size_t size = strcspn(type, ";");
    while (size > 0 && (type[size - 1] == ' ' || type[size - 1] == '\t'))
        size--;
    if (size < prefix + suffix || strncasecmp(type, application, prefix) != 0 ||
        strncasecmp(type + size - suffix, json, suffix) != 0 ||
        memchr(type + prefix, '/', size - prefix) != NULL)
        return false;
    return size == prefix + suffix || type[size - suffix - 1] == '+';
}

static void answer_unreadable(struct connection *connection)
{
    response_json(connection_response(connection), 400,
                  "{\"detail\":\"There was an error parsing the body\"}");
    connection_answer(connection);
}

static void answer_no_memory(struct connection *connection)
{
    struct response *response = connection_response(connection);
    buffer_reset(&response->body, 0);
    response_header(response, "retry-after", "1");
    response_json(response, 503, "{\"detail\":\"The service is out of memory\"}");
    connection_answer(connection);
}

/* The errors are in the response's body. */
static void answer_invalid(struct connection *connection)
{
    if (connection_response(connection)->body.failed) {
        answer_no_memory(connection);
        return;
    }
    connection_response(connection)->status = 422;
    connection_answer(connection);
}

static void on_run_ended(struct run *run, const struct message_run_ended *end)
{
    struct connection *connection = run->data;
    struct response *response = connection_response(connection);

    if (end->outcome == RUN_FAILED) {
        response->status = 500;
        buffer_format(&response->body, "{\"detail\":\"Internal Server Error\",\"id\":\"%s\"}", run->id);
    } else {
        environments_hint(connection_server(connection)->environments, run, end);
        answer_write(&response->body, run, end);
    }
    connection_answer(connection);
}

static void on_client_gone(void *data)
{
    struct run *run = data;
    struct connection *connection = run->data;
    pool_cancel(connection_server(connection)->pool, run);
}

/* The request was not taken; `seconds` is how long that is likely to stay so. */
static void answer_refused(struct connection *connection, struct api_key *key, enum refusal why, double seconds)
{
    static const struct {
        int status;
        enum rejection counted;
        const char *text;
    } answers[] = {
        [REFUSED_QUEUE_FULL] = {503, REJECTED_QUEUE_FULL, "{\"detail\":\"Too many requests are waiting already\"}"},
        [REFUSED_WAIT] = {503, REJECTED_WAIT, "{\"detail\":\"The wait for a sandbox would be too long\"}"},
        [REFUSED_KEY_RATE] = {429, REJECTED_KEY_RATE, "{\"detail\":\"The rate of this key is used up\"}"},
        [REFUSED_KEY_QUEUE] = {429, REJECTED_KEY_QUEUE, "{\"detail\":\"Too many requests of this key are waiting already\"}"},
    };
    char text[16];
    snprintf(text, sizeof text, "%u", retry_after(seconds));
    metrics_rejected(connection_server(connection)->metrics, answers[why].counted);
    key->rejections++;
    response_header(connection_response(connection), "retry-after", text);
    response_json(connection_response(connection), answers[why].status, answers[why].text);
    connection_answer(connection);
}

static void on_late(struct run *run)
{
    if (stream_has_begun(run)) { /* it had a sandbox, which was of no use */
        run->ended(run, &(const struct message_run_ended){.outcome = RUN_FAILED});
        return;
    }
    struct connection *connection = run->printed != NULL ? stream_detach(run) : run->data;
    answer_refused(connection, run->key, REFUSED_WAIT, pool_wait(connection_server(connection)->pool, run->key));
}

static bool can_be_imported(struct string_view path)
{
    static const char *const endings[] = {".py", ".pyc", ".so"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const size_t size = strlen(endings[i]);
        if (path.size >= size && memcmp(path.data + path.size - size, endings[i], size) == 0)
            return true;
    }
    return false;
}

/* The modules of `learn` that the program may have before its first line and not notice: what it imports at its head, unless
 * something of the request could make another module of it than it is without. */
static uint32_t modules_of(const struct server *server, const struct execute_request *request)
{
    const uint32_t learnable = environment_learnable(server->environments, request->environment);
    const struct input_file *files = request->files.items;
    if (learnable == 0 || request->env.count > 0)
        return 0;
    for (size_t i = 0; i < request->files.count; i++)
        if (can_be_imported(files[i].path))
            return 0;
    return learnable & imports_of(server->config->environments[request->environment].learn, request->code.data, request->code.size);
}

static void start_run(struct connection *connection, const struct json_in *in,
                      const struct execute_request *request)
{
    struct server *server = connection_server(connection);
    double rate_wait;
    if (!key_take_token(connection_key(connection), uv_hrtime(), &rate_wait)) {
        answer_refused(connection, connection_key(connection), REFUSED_KEY_RATE, rate_wait);
        return;
    }
    struct run *run = run_new(in->root, request, server->config);
    if (run == NULL) {
        answer_no_memory(connection);
        return;
    }
    snprintf(run->id, sizeof run->id, "%s", connection_request(connection)->request_id);
    run->trace = connection_request(connection)->trace;
    run->key = key_hold(connection_key(connection));
    run->share = &run->key->share;
    run->modules = modules_of(server, request);
    run->late = on_late;
    run->received_ns = connection_received(connection);
    run->start_by_ns = run->received_ns +
                       (uint64_t)(prefer_wait(connection_request(connection)->prefer, server->config->max_wait) * 1e9);
    enum stream_format format = stream_format(connection_request(connection)->accept);
    if (format == STREAM_NONE || !stream_attach(connection, run, format)) {
        run->ended = on_run_ended;
        run->data = connection;
        connection_on_gone(connection, on_client_gone, run);
    }
    double seconds;
    enum refusal why = pool_submit(server->pool, run, &seconds);
    if (why == REFUSED_NOT)
        return;
    if (run->printed != NULL)
        stream_detach(run);
    run_free(run);
    answer_refused(connection, connection_key(connection), why, seconds);
}

void cancel_request(struct connection *connection, const char *id)
{
    struct pool *pool = connection_server(connection)->pool;
    struct response *response = connection_response(connection);
    struct run *run = pool_find(pool, id);

    if (run == NULL || run->key != connection_key(connection)) {
        response_json(response, 404, "{\"detail\":\"No run of this id waits or runs\"}");
    } else {
        buffer_format(&response->body, "{\"id\":\"%s\",\"status\":\"cancelled\"}", run->id);
        pool_end(pool, run);
    }
    connection_answer(connection);
}

/* The settings as they hold for the request's key; `own` has room for them where they differ from the service's. */
static const struct config *settings_of(struct connection *connection, struct config *own)
{
    const struct config *config = connection_server(connection)->config;
    const double most = connection_key(connection)->entry.max_timeout;

    if (most == 0 || most >= config->max_timeout)
        return config;
    *own = *config; /* borrows the strings */
    own->max_timeout = most;
    if (own->default_timeout > most)
        own->default_timeout = most;
    return own;
}

/* For a request that names no environment: the one that has preloaded what the program imports, if it is warm. */
static void choose_environment(const struct server *server, const struct json_in *in, struct execute_request *request)
{
    const struct config *config = server->config;
    if (!config->match_imports || config->environment_count == 1 || json_object_get(in->root, "environment") != NULL)
        return;
    const uint32_t fits = imports_choose(config, request->code.data, request->code.size);
    if (environment_is_warm(server->environments, fits))
        request->environment = fits;
    else
        pool_wake(server->pool, fits); /* for the next one */
}

void execute_request(struct connection *connection)
{
    const struct http_request *http = connection_request(connection);
    struct buffer *errors = &connection_response(connection)->body;
    struct execute_request request = {0};
    struct json_in in;
    struct config own;
    const struct config *config = settings_of(connection, &own);

    if (http->body.size == 0) {
        validate_missing_body(errors);
        answer_invalid(connection);
        return;
    }
    if (!is_json_type(http->content_type)) {
        if (!utf8_valid(http->body.data, http->body.size)) {
            answer_unreadable(connection);
            return;
        }
        validate_not_json(http->body.data, http->body.size, errors);
        answer_invalid(connection);
        return;
    }
    switch (json_in_parse(http->body.data, http->body.size, &in)) {
    case JSON_IN_UNREADABLE:
        answer_unreadable(connection);
        break;
    case JSON_IN_NO_MEMORY:
        answer_no_memory(connection);
        break;
    case JSON_IN_SYNTAX:
        validate_syntax_error(&in, errors);
        answer_invalid(connection);
        break;
    case JSON_IN_OK:
        if (validate_body(&in, execute_request_fields, config, &request, errors) &&
            (request.files.count == 0 || validate_files(&in, config, &request, errors))) {
            choose_environment(connection_server(connection), &in, &request);
            start_run(connection, &in, &request);
        } else {
            answer_invalid(connection);
        }
        execute_request_free(&request);
        json_decref(in.root);
        break;
    }
}
