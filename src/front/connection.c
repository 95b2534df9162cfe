/* connection.c: see connection.h. Runs in the front; the peer is hostile.
 *
 * A streamed answer is written directly; only what the kernel does not take is copied: it waits in `backlog`, and what
 * libuv is writing meanwhile is `flight`.
 *
 * One request at a time: while a route works or an answer is being written, what else arrives waits in `pending`, and
 * past a bound in the kernel. Reading goes on meanwhile, because that is how a client that went away is
 * noticed: the end of its stream, also a half-close, cancels the run. */
#include "front/connection.h"

#include "front/access_log.h"
#include "front/metrics.h"
#include "front/routes.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 65536, PENDING_MAX = 65536, RESPONSE_KEEP = 16384, LINGER_BYTES_MAX = 16 << 20 };
static const size_t STREAM_BACKLOG_MAX = (size_t)1 << 40; /* what goes in is bounded where it comes from */

enum connection_state {
    CONNECTION_READING,  /* a request */
    CONNECTION_HANDLING, /* a route has it */
    CONNECTION_STREAMING, /* and has begun to answer */
    CONNECTION_WRITING,  /* the kernel did not take the whole answer at once */
    CONNECTION_LINGERING, /* all is said; reads until the client closes, so that a reset does not eat the answer */
    CONNECTION_CLOSING
};

struct connection {
    struct list link; /* first: server->connections holds it */
    struct server *server;
    uv_tcp_t tcp;
    uv_write_t write;
    uv_shutdown_t shutdown;
    enum connection_state state;
    bool processing; /* connection_process() is on the stack */
    bool read_stopped;
    bool ended;       /* the client sent its last byte */
    bool close_after; /* this answer is the last */
    bool follows;     /* more came together with the request */
    struct deadline deadline;
    struct http_reader reader;
    struct api_key *key;
    struct buffer pending;
    struct buffer head;
    struct buffer backlog, flight;
    bool head_unsent; /* of a stream: it goes out with the first piece */
    struct response response;
    uint64_t received;
    uint64_t body_sent; /* of the answer */
    size_t lingered;
    void (*gone)(void *data);
    void *gone_data;
    void (*writable)(void *data); /* with gone_data */
};

static char read_space[READ_SIZE]; /* one for all: what is read is used up before the next read */

static void connection_process(struct connection *c, const char *bytes, size_t size);

static void on_closed(uv_handle_t *handle)
{
    struct connection *c = handle->data;
    struct server *server = c->server;

    http_reader_free(&c->reader);
    buffer_free(&c->pending);
    buffer_free(&c->head);
    buffer_free(&c->backlog);
    buffer_free(&c->flight);
    response_free(&c->response);
    free(c);
    server_connection_closed(server);
}

static void log_answer(const struct connection *c, int status)
{
    if (c->server->config->access_log)
        access_log(&c->tcp, &c->reader.request, status, c->received, c->body_sent);
}

static void connection_close(struct connection *c)
{
    if (c->state == CONNECTION_CLOSING)
        return;
    if (c->state == CONNECTION_HANDLING || c->state == CONNECTION_STREAMING)
        log_answer(c, ACCESS_GONE);
    c->state = CONNECTION_CLOSING;
    deadline_stop(&c->deadline);
    list_remove(&c->link);
    if (c->gone != NULL) {
        void (*gone)(void *) = c->gone;
        c->gone = NULL;
        gone(c->gone_data);
    }
    uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
    struct connection *c = request->handle->data;
    if (status < 0 && status != UV_ECANCELED)
        connection_close(c);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *space);
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *space);

static void resume_reading(struct connection *c)
{
    if (c->read_stopped && !c->ended) {
        c->read_stopped = false;
        uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
    }
}

static void connection_linger(struct connection *c)
{
    if (c->ended) {
        connection_close(c);
        return;
    }
    c->state = CONNECTION_LINGERING;
    deadline_start(&c->server->linger_deadlines, &c->deadline, uv_now(c->server->loop));
    uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_shutdown);
    resume_reading(c);
}

/* The answer is with the kernel. */
static void answer_written(struct connection *c)
{
    if (c->close_after) {
        connection_linger(c);
        return;
    }
    response_reset(&c->response, RESPONSE_KEEP);
    http_reader_next(&c->reader);
    c->state = CONNECTION_READING;
    deadline_start(&c->server->idle_deadlines, &c->deadline, uv_now(c->server->loop));
    if (!c->processing)
        connection_process(c, NULL, 0);
}

static void on_written(uv_write_t *request, int status);

/* Has libuv write the backlog. */
static void send_backlog(struct connection *c)
{
    const struct buffer spare = c->flight;
    c->flight = c->backlog;
    c->backlog = spare;
    buffer_reset(&c->backlog, BUFFER_SMALL);
    uv_buf_t part = uv_buf_init(c->flight.data, (unsigned)c->flight.size);
    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &part, 1, on_written) != 0)
        connection_close(c);
}

static void on_written(uv_write_t *request, int status)
{
    struct connection *c = request->handle->data;
    buffer_reset(&c->flight, BUFFER_SMALL);
    if (c->state == CONNECTION_CLOSING)
        return;
    if (status < 0)
        connection_close(c);
    else if (c->backlog.size > 0)
        send_backlog(c);
    else if (c->state == CONNECTION_STREAMING)
        c->writable(c->gone_data);
    else
        answer_written(c);
}

/* Is a byte of the next request here, but not read yet? Then it was accepted. */
static bool has_arrived(const struct connection *c)
{
    uv_os_fd_t fd;
    char byte;
    return uv_fileno((const uv_handle_t *)&c->tcp, &fd) == 0 && recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

/* What the Connection header of the answer says. While the server drains, what was asked already is answered first. */
static const char *connection_word(struct connection *c)
{
    if (!c->reader.request.keep_alive || (c->server->draining && !c->follows && c->pending.size == 0 && !has_arrived(c)))
        c->close_after = true;
    if (c->close_after)
        return "close";
    return c->reader.request.minor == 0 ? "keep-alive" : NULL;
}

void connection_answer(struct connection *c)
{
    size_t body_size;
    const void *body = response_body(&c->response, &body_size);
    const char *word = connection_word(c);

    c->gone = NULL;
    if (c->response.body.failed || c->response.extra.failed) { /* no memory for the answer */
        connection_close(c);
        return;
    }
    metrics_answered(c->server->metrics, c->response.status);
    response_head(&c->response, word, &c->head);
    if (c->reader.request.method == HTTP_HEAD)
        body_size = 0;
    c->body_sent = body_size;
    c->state = CONNECTION_WRITING;
    log_answer(c, c->response.status);
    uv_buf_t parts[2] = {uv_buf_init(c->head.data, (unsigned)c->head.size),
                         uv_buf_init((char *)body, (unsigned)body_size)};
    int sent = uv_try_write((uv_stream_t *)&c->tcp, parts, body_size > 0 ? 2 : 1);
    if (sent == (int)(c->head.size + body_size)) {
        answer_written(c);
        return;
    }
    if (sent < 0 && sent != UV_EAGAIN) {
        connection_close(c);
        return;
    }
    size_t done = sent > 0 ? (size_t)sent : 0;
    for (int i = 0; i < 2; i++) {
        size_t skip = done < parts[i].len ? done : parts[i].len;
        parts[i].base += skip;
        parts[i].len -= skip;
        done -= skip;
    }
    deadline_start(&c->server->write_deadlines, &c->deadline, uv_now(c->server->loop));
    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, parts, 2, on_written) != 0)
        connection_close(c);
}

/* Writes the parts, or as much as the kernel takes; the rest joins the backlog. False: there is a backlog. */
static bool stream_send(struct connection *c, const uv_buf_t *parts, unsigned count)
{
    size_t done = 0;
    if (c->flight.size == 0) {
        int sent = uv_try_write((uv_stream_t *)&c->tcp, parts, count);
        if (sent < 0 && sent != UV_EAGAIN) {
            connection_close(c);
            return false;
        }
        done = sent > 0 ? (size_t)sent : 0;
    }
    for (unsigned i = 0; i < count; i++) {
        size_t skip = done < parts[i].len ? done : parts[i].len;
        done -= skip;
        buffer_append(&c->backlog, parts[i].base + skip, parts[i].len - skip);
    }
    if (c->backlog.failed)
        connection_close(c);
    else if (c->flight.size == 0 && c->backlog.size > 0)
        send_backlog(c);
    return c->flight.size == 0;
}

static bool stream_piece(struct connection *c, const void *bytes, size_t size, bool last)
{
    static char line_end[] = "\r\n", end[] = "0\r\n\r\n";
    char length[24];
    uv_buf_t parts[5];
    unsigned count = 0;

    c->body_sent += size;
    if (c->head_unsent)
        parts[count++] = uv_buf_init(c->head.data, (unsigned)c->head.size);
    c->head_unsent = false;
    if (c->response.chunked && size > 0)
        parts[count++] = uv_buf_init(length, (unsigned)snprintf(length, sizeof length, "%zx\r\n", size));
    if (size > 0)
        parts[count++] = uv_buf_init((char *)bytes, (unsigned)size);
    if (c->response.chunked && size > 0)
        parts[count++] = uv_buf_init(line_end, sizeof line_end - 1);
    if (c->response.chunked && last)
        parts[count++] = uv_buf_init(end, sizeof end - 1);
    return count == 0 || stream_send(c, parts, count);
}

void connection_stream_begin(struct connection *c, void (*writable)(void *data))
{
    c->response.streamed = true;
    c->response.chunked = c->reader.request.minor == 1;
    if (!c->response.chunked)
        c->close_after = true;
    metrics_answered(c->server->metrics, c->response.status);
    response_head(&c->response, connection_word(c), &c->head);
    c->head_unsent = true;
    c->body_sent = 0;
    c->writable = writable;
    c->state = CONNECTION_STREAMING;
}

bool connection_stream_write(struct connection *c, const void *bytes, size_t size)
{
    return c->state == CONNECTION_STREAMING && stream_piece(c, bytes, size, false);
}

void connection_stream_end(struct connection *c, const void *bytes, size_t size)
{
    if (c->state != CONNECTION_STREAMING)
        return;
    c->gone = NULL;
    c->state = CONNECTION_WRITING;
    bool all_written = stream_piece(c, bytes, size, true);
    log_answer(c, c->response.status);
    if (c->state != CONNECTION_WRITING)
        return; /* it broke */
    if (all_written)
        answer_written(c);
    else
        deadline_start(&c->server->write_deadlines, &c->deadline, uv_now(c->server->loop));
}

static void refuse(struct connection *c, int status, const char *detail)
{
    c->close_after = true;
    c->received = uv_hrtime();
    c->state = CONNECTION_HANDLING;
    response_reset(&c->response, RESPONSE_KEEP);
    if (status == 503)
        response_header(&c->response, "retry-after", "1");
    response_detail(&c->response, status, detail);
    connection_answer(c);
}

static void send_continue(struct connection *c)
{
    static char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    uv_buf_t part = uv_buf_init(text, sizeof text - 1);

    c->reader.wants_continue = false;
    /* Nothing else is being written, so the few bytes fit; a socket that does not take them is of no use. */
    if (uv_try_write((uv_stream_t *)&c->tcp, &part, 1) != (int)part.len)
        connection_close(c);
}

/* The head is here, the body is not: whoever may not ask is told so before it is taken. False: answered. */
static bool admit_body(struct connection *c)
{
    c->received = uv_hrtime();
    c->state = CONNECTION_HANDLING;
    c->close_after = true;
    response_reset(&c->response, RESPONSE_KEEP);
    if (!route_admits_body(c))
        return false;
    c->state = CONNECTION_READING;
    c->close_after = false;
    return true;
}

/* More of the request has come, but not all. */
static void await_more(struct connection *c, bool was_begun, bool had_head)
{
    uint64_t now = uv_now(c->server->loop);
    if (c->reader.head_complete) {
        if (!had_head && !admit_body(c))
            return;
        if (!had_head)
            deadline_start(&c->server->body_deadlines, &c->deadline, now);
        if (c->reader.wants_continue)
            send_continue(c);
    } else if (c->reader.begun && !was_begun) {
        deadline_start(&c->server->head_deadlines, &c->deadline, now);
    }
}

/* Reads one request, or its beginning, from the bytes. Returns how many were used. */
static size_t read_request(struct connection *c, const char *bytes, size_t size)
{
    bool was_begun = c->reader.begun, had_head = c->reader.head_complete;
    size_t taken;

    switch (http_reader_feed(&c->reader, bytes, size, &taken)) {
    case HTTP_MORE:
        await_more(c, was_begun, had_head);
        break;
    case HTTP_REQUEST_COMPLETE:
        c->received = uv_hrtime();
        c->state = CONNECTION_HANDLING;
        c->follows = taken < size;
        deadline_stop(&c->deadline);
        response_reset(&c->response, RESPONSE_KEEP);
        route_request(c);
        break;
    case HTTP_REFUSED:
        refuse(c, c->reader.status, c->reader.detail);
        break;
    }
    return taken;
}

/* Handles as many requests as `pending`, or else the new bytes, hold, until one has to wait. New bytes only come here
 * while nothing is pending. */
static void connection_process(struct connection *c, const char *bytes, size_t size)
{
    c->processing = true;
    bool from_pending = c->pending.size > 0;
    if (from_pending) {
        bytes = c->pending.data;
        size = c->pending.size;
    }
    while (c->state == CONNECTION_READING && size > 0) {
        size_t taken = read_request(c, bytes, size);
        bytes += taken;
        size -= taken;
    }
    if (c->state >= CONNECTION_LINGERING)
        size = 0;
    if (from_pending) {
        if (size > 0)
            memmove(c->pending.data, bytes, size);
        c->pending.size = size;
        if (size == 0)
            buffer_reset(&c->pending, BUFFER_SMALL);
    } else if (size > 0) {
        buffer_append(&c->pending, bytes, size);
    }
    c->processing = false;
    if (c->state == CONNECTION_READING && c->ended)
        connection_close(c);
    else if (c->state != CONNECTION_CLOSING && c->pending.size == 0)
        resume_reading(c);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *space)
{
    struct connection *c = handle->data;
    size_t size = READ_SIZE;
    if (c->pending.size > 0 && c->state != CONNECTION_LINGERING)
        size = PENDING_MAX - c->pending.size; /* not 0: reading stops before */
    *space = uv_buf_init(read_space, (unsigned)size);
}

static void on_end(struct connection *c)
{
    c->ended = true;
    uv_read_stop((uv_stream_t *)&c->tcp);
    if (c->state != CONNECTION_WRITING) /* an answer on its way is finished */
        connection_close(c);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *space)
{
    struct connection *c = stream->data;

    if (c->state == CONNECTION_CLOSING || size == 0)
        return;
    if (size == UV_EOF) {
        on_end(c);
    } else if (size < 0) {
        connection_close(c);
    } else if (c->state == CONNECTION_READING) {
        connection_process(c, space->base, (size_t)size);
    } else if (c->state == CONNECTION_LINGERING) {
        c->lingered += (size_t)size;
        if (c->lingered > LINGER_BYTES_MAX)
            connection_close(c);
    } else {
        if (!buffer_append(&c->pending, space->base, (size_t)size)) {
            connection_close(c);
            return;
        }
        if (c->pending.size == PENDING_MAX) {
            c->read_stopped = true;
            uv_read_stop(stream);
        }
    }
}

void connection_open(struct server *server, int fd)
{
    struct connection *c = calloc(1, sizeof *c);
    const int on = 1;

    if (c == NULL) {
        close(fd);
        return;
    }
    c->server = server;
    c->tcp.data = c;
    deadline_init(&c->deadline);
    http_reader_init(&c->reader, (size_t)server->config->max_body);
    c->reader.bodies = &server->bodies;
    buffer_init(&c->pending, PENDING_MAX);
    buffer_init(&c->head, BUFFER_SMALL);
    buffer_init(&c->backlog, STREAM_BACKLOG_MAX);
    buffer_init(&c->flight, STREAM_BACKLOG_MAX);
    response_init(&c->response);
    server->metrics->connections++;
    list_append(&server->connections, &c->link);
    server->connection_count++;
    uv_tcp_init(server->loop, &c->tcp);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* one without it is only slower */
    if (uv_tcp_open(&c->tcp, fd) != 0) {
        close(fd);
        connection_close(c);
        return;
    }
    deadline_start(&server->head_deadlines, &c->deadline, uv_now(server->loop));
    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

void connection_expired(struct deadline *deadline)
{
    struct connection *c = LIST_ENTRY(deadline, struct connection, deadline);
    if (c->state == CONNECTION_READING && c->reader.begun)
        refuse(c, 408, "Request Timeout");
    else
        connection_close(c);
}

void connection_drain(struct list *link)
{
    struct connection *c = LIST_ENTRY(link, struct connection, link);
    if (c->state == CONNECTION_READING && !c->reader.begun && !has_arrived(c))
        connection_close(c);
}

struct server *connection_server(struct connection *c)
{
    return c->server;
}

struct http_request *connection_request(struct connection *c)
{
    return &c->reader.request;
}

struct api_key *connection_key(struct connection *c)
{
    return c->key;
}

void connection_set_key(struct connection *c, struct api_key *key)
{
    c->key = key;
}

struct response *connection_response(struct connection *c)
{
    return &c->response;
}

uint64_t connection_received(const struct connection *c)
{
    return c->received;
}

void connection_on_gone(struct connection *c, void (*gone)(void *data), void *data)
{
    c->gone = gone;
    c->gone_data = data;
}
