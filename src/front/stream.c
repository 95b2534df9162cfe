/* stream.c: see stream.h. Runs in the front; what it passes on is a program's and hostile, and so is who reads it. */
#include "front/stream.h"

#include "front/answer.h"
#include "front/environments.h"
#include "front/memory.h"
#include "front/pool.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SCRATCH_KEEP = 1 << 20 };

/* An event is open, name, middle, JSON members, close. */
static const struct words {
    const char *content_type, *open, *middle, *close, *heartbeat;
} words[] = {
    [STREAM_EVENTS] = {"text/event-stream", "event: ", "\ndata: {", "}\n\n", ": heartbeat\n\n"},
    [STREAM_LINES] = {"application/x-ndjson", "{\"type\":\"", "\",", "}\n", "{\"type\":\"heartbeat\"}\n"},
};

struct stream {
    struct connection *connection;
    struct run *run;
    const struct words *words;
    struct json_text text[RUN_STREAMS]; /* of each stream the beginning of a character that is not complete */
    bool begun;
    bool behind; /* the client has not taken what it was sent */
    struct deadline heartbeat;
};

static struct buffer scratch = {.max = (size_t)1 << 40}; /* one event; what goes in is bounded where it comes from */

/* --- which format ------------------------------------------------------------------------------------------ */

static bool is_type(const char *element, const char *type)
{
    size_t size = strlen(type);
    return strncasecmp(element, type, size) == 0 && strchr(" \t;,", element[size]) != NULL;
}

static double weight(const char *element)
{
    size_t size = strcspn(element, ",");
    const char *q = strcasestr(element, "q=");
    return q != NULL && q < element + size && (q[-1] == ';' || q[-1] == ' ') ? strtod(q + 2, NULL) : 1;
}

enum stream_format stream_format(const char *accept)
{
    static const struct {
        const char *type;
        enum stream_format format;
        double handicap;
    } types[] = {
        {"text/event-stream", STREAM_EVENTS, 0},
        {"application/x-ndjson", STREAM_LINES, 0},
        {"application/json", STREAM_NONE, 0},
        {"application/*", STREAM_NONE, 1e-6}, /* who names a stream means it */
        {"*/*", STREAM_NONE, 1e-6},
    };
    enum stream_format best = STREAM_NONE;
    double most = 0;

    for (const char *p = accept; *p != '\0'; p += strcspn(p, ","), p += *p == ',') {
        p += strspn(p, " \t");
        for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
            double q = is_type(p, types[i].type) ? weight(p) - types[i].handicap : 0;
            if (q > most) {
                most = q;
                best = types[i].format;
            }
        }
    }
    return best;
}

/* --- events ------------------------------------------------------------------------------------------------ */

static void event_begin(const struct stream *stream, const char *name)
{
    buffer_reset(&scratch, SCRATCH_KEEP);
    buffer_text(&scratch, stream->words->open);
    buffer_text(&scratch, name);
    buffer_text(&scratch, stream->words->middle);
}

static void event_end(const struct stream *stream)
{
    buffer_text(&scratch, stream->words->close);
}

static const char *stream_name(enum run_stream of)
{
    return of == RUN_STDOUT ? "stdout" : "stderr";
}

/* The last that is done with the stream: a connection that breaks takes it along. */
static bool event_send(struct stream *stream)
{
    struct server *server = connection_server(stream->connection);
    deadline_start(&server->heartbeat_deadlines, &stream->heartbeat, uv_now(server->loop));
    stream->behind = true;
    if (!connection_stream_write(stream->connection, scratch.data, scratch.size))
        return false;
    stream->behind = false;
    return true;
}

static void on_writable(void *data)
{
    struct stream *stream = data;
    stream->behind = false;
    pool_resume(connection_server(stream->connection)->pool, stream->run);
}

static void begin(struct stream *stream)
{
    struct response *response = connection_response(stream->connection);

    stream->begun = true;
    response->content_type = stream->words->content_type;
    response_header(response, "cache-control", "no-store");
    response_header(response, "x-accel-buffering", "no"); /* nginx would wait for a full buffer */
    connection_stream_begin(stream->connection, on_writable);
}

static void on_started(struct run *run)
{
    struct stream *stream = run->data;
    if (stream->begun)
        return; /* its first sandbox was of no use */
    begin(stream);
    event_begin(stream, "started");
    buffer_format(&scratch, "\"id\":\"%s\"", run->id);
    event_end(stream);
    event_send(stream);
}

static bool on_printed(struct run *run, enum run_stream of, const char *bytes, size_t size)
{
    struct stream *stream = run->data;
    struct json_text *text = &stream->text[of];

    event_begin(stream, stream_name(of));
    buffer_text(&scratch, "\"text\":\"");
    const size_t before = scratch.size;
    text->out = &scratch;
    json_text_add(text, bytes, size);
    if (scratch.size == before) /* not a whole character yet */
        return true;
    buffer_byte(&scratch, '"');
    event_end(stream);
    return event_send(stream);
}

static void stream_free(struct stream *stream)
{
    deadline_stop(&stream->heartbeat);
    free(stream);
}

/* What is left of a character that never became whole. */
static void last_text(struct stream *stream, enum run_stream of)
{
    struct json_text *text = &stream->text[of];
    if (text->pending_size == 0)
        return;
    event_begin(stream, stream_name(of));
    buffer_text(&scratch, "\"text\":\"");
    text->out = &scratch;
    json_text_end(text);
    event_end(stream);
    event_send(stream);
}

/* The members of the answer's object as those of the event's. */
static void event_answer(const struct run *run, const struct message_run_ended *end)
{
    const size_t at = scratch.size - 1;
    const char before = scratch.data[at];
    scratch.size = at;
    answer_write(&scratch, run, end); /* '{' where `before` was, '}' at the end */
    if (scratch.failed)
        return;
    scratch.data[at] = before;
    scratch.size--;
}

static void on_ended(struct run *run, const struct message_run_ended *end)
{
    struct stream *stream = run->data;
    struct connection *connection = stream->connection;

    if (!stream->begun)
        begin(stream);
    for (enum run_stream of = RUN_STDOUT; of <= RUN_STDERR && run->ended != NULL; of++)
        last_text(stream, of);
    if (run->ended == NULL)
        return; /* the connection broke just now */
    if (end->outcome == RUN_FAILED) {
        event_begin(stream, "error");
        buffer_format(&scratch, "\"detail\":\"Internal Server Error\",\"id\":\"%s\"", run->id);
    } else {
        environments_hint(connection_server(connection)->environments, run, end);
        event_begin(stream, "result");
        event_answer(run, end);
    }
    event_end(stream);
    stream_free(stream);
    connection_stream_end(connection, scratch.data, scratch.size);
}

static void on_gone(void *data)
{
    struct stream *stream = data;
    struct pool *pool = connection_server(stream->connection)->pool;
    struct run *run = stream->run;

    stream_free(stream);
    pool_cancel(pool, run);
}

bool stream_attach(struct connection *connection, struct run *run, enum stream_format format)
{
    struct stream *stream = memory_needed(calloc(1, sizeof *stream));
    stream->connection = connection;
    stream->run = run;
    stream->words = &words[format];
    deadline_init(&stream->heartbeat);
    run->started = on_started;
    run->printed = on_printed;
    run->ended = on_ended;
    run->data = stream;
    connection_on_gone(connection, on_gone, stream); /* before the run starts: it may already break then */
    return true;
}

struct connection *stream_detach(struct run *run)
{
    struct stream *stream = run->data;
    struct connection *connection = stream->connection;
    connection_on_gone(connection, NULL, NULL);
    stream_free(stream);
    return connection;
}

bool stream_has_begun(const struct run *run)
{
    const struct stream *stream = run->data;
    return run->printed != NULL && stream->begun;
}

void stream_heartbeat(struct deadline *deadline)
{
    struct stream *stream = LIST_ENTRY(deadline, struct stream, heartbeat);
    struct server *server = connection_server(stream->connection);
    deadline_start(&server->heartbeat_deadlines, &stream->heartbeat, uv_now(server->loop));
    if (stream->behind)
        return;
    buffer_reset(&scratch, SCRATCH_KEEP);
    buffer_text(&scratch, stream->words->heartbeat);
    event_send(stream);
}
