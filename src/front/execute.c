/* execute.c: POST /execute: body > validated request > run > answer. Runs in the front. */
#include "front/execute.h"

#include "front/answer.h"
#include "front/connection.h"
#include "front/environments.h"
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

static void answer_invalid(struct connection *connection)
{
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
        if (end->outcome == RUN_EXITED && end->exit_code == 1)
            environments_hint(connection_server(connection)->environments, run);
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

static void answer_busy(struct connection *connection, const struct pool *pool)
{
    char seconds[16];
    metrics_rejected(connection_server(connection)->metrics, REJECTED_QUEUE_FULL);
    snprintf(seconds, sizeof seconds, "%u", pool_retry_after(pool));
    response_header(connection_response(connection), "retry-after", seconds);
    response_json(connection_response(connection), 503,
                  "{\"detail\":\"Too many requests are waiting already\"}");
    connection_answer(connection);
}

static void start_run(struct connection *connection, const struct json_in *in,
                      const struct execute_request *request)
{
    struct server *server = connection_server(connection);
    struct run *run = run_new(in->root, request, server->config);
    if (run == NULL) {
        response_json(connection_response(connection), 500, "{\"detail\":\"Internal Server Error\"}");
        connection_answer(connection);
        return;
    }
    snprintf(run->id, sizeof run->id, "%s", connection_request(connection)->request_id);
    trace_id(connection_request(connection)->traceparent, run->trace);
    run->received_ns = connection_received(connection);
    enum stream_format format = stream_format(connection_request(connection)->accept);
    if (format == STREAM_NONE || !stream_attach(connection, run, format)) {
        run->ended = on_run_ended;
        run->data = connection;
        connection_on_gone(connection, on_client_gone, run);
    }
    if (pool_submit(server->pool, run))
        return;
    if (run->printed != NULL)
        stream_detach(run);
    run_free(run);
    answer_busy(connection, server->pool);
}

void cancel_request(struct connection *connection, const char *id)
{
    struct pool *pool = connection_server(connection)->pool;
    struct response *response = connection_response(connection);
    struct run *run = pool_find(pool, id);

    if (run == NULL) {
        response_json(response, 404, "{\"detail\":\"No run of this id waits or runs\"}");
    } else {
        buffer_format(&response->body, "{\"id\":\"%s\",\"status\":\"cancelled\"}", run->id);
        pool_end(pool, run);
    }
    connection_answer(connection);
}

void execute_request(struct connection *connection)
{
    const struct http_request *http = connection_request(connection);
    struct buffer *errors = &connection_response(connection)->body;
    struct execute_request request = {0};
    struct json_in in;

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
    case JSON_IN_SYNTAX:
        validate_syntax_error(&in, errors);
        answer_invalid(connection);
        break;
    case JSON_IN_OK:
        if (validate_body(&in, execute_request_fields, connection_server(connection)->config, &request, errors) &&
            (request.files.count == 0 || validate_files(&in, connection_server(connection)->config, &request, errors)))
            start_run(connection, &in, &request);
        else
            answer_invalid(connection);
        execute_request_free(&request);
        json_decref(in.root);
        break;
    }
}
