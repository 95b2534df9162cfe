/* server.c: accepts connections and runs their timeouts. Runs in the front. */
#include "front/server.h"

#include "common/log.h"
#include "front/connection.h"
#include "front/metrics.h"
#include "front/pool.h"
#include "front/response.h"
#include "front/stream.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TICK_MS = 100, ACCEPTS_A_TURN = 16, WRITE_TIMEOUT_SECONDS = 30, LINGER_SECONDS = 2, RETIRED_IDLE_SECONDS = 5 };

static void expire(struct deadline_class *class, uint64_t now, void (*expired)(struct deadline *deadline))
{
    struct deadline *deadline;
    while ((deadline = deadline_expired(class, now)) != NULL)
        expired(deadline);
}

static void on_listen(uv_poll_t *poll, int status, int events);

static void on_tick(uv_timer_t *timer)
{
    struct server *server = timer->data;
    uint64_t now = uv_now(server->loop);

    expire(&server->head_deadlines, now, connection_expired);
    expire(&server->body_deadlines, now, connection_expired);
    expire(&server->idle_deadlines, now, connection_expired);
    expire(&server->write_deadlines, now, connection_expired);
    expire(&server->linger_deadlines, now, connection_expired);
    expire(&server->heartbeat_deadlines, now, stream_heartbeat);
    pool_tick(server->pool);
    if (server->accept_paused && !server->draining) {
        server->accept_paused = false;
        uv_poll_start(&server->listen_poll, UV_READABLE, on_listen);
    }
    if (server->connection_count == 0)
        uv_timer_stop(timer); /* an idle service sleeps */
}

static void start_tick(struct server *server)
{
    if (!uv_is_active((uv_handle_t *)&server->tick))
        uv_timer_start(&server->tick, on_tick, TICK_MS, TICK_MS);
}

/* Tells one client too many so, and closes. */
static void turn_away(struct server *server, int fd)
{
    static const char body[] = "{\"detail\":\"Too many connections\"}";
    struct response response;
    struct buffer head;

    metrics_rejected(server->metrics, REJECTED_CONNECTIONS);
    response_init(&response);
    response_json(&response, 503, body);
    response_header(&response, "retry-after", "1");
    buffer_init(&head, BUFFER_SMALL);
    response_head(&response, "close", &head);
    buffer_append(&head, body, sizeof body - 1);
    send(fd, head.data, head.size, MSG_NOSIGNAL | MSG_DONTWAIT);
    buffer_free(&head);
    response_free(&response);
    close(fd);
}

static void on_listen(uv_poll_t *poll, int status, int events)
{
    struct server *server = poll->data;

    start_tick(server);
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
                log_event(LOG_WARN, "connection.refused", LOG_S("reason", strerror(errno)));
                server->accept_paused = true;
                uv_poll_stop(poll);
            }
            return; /* EAGAIN, or a client that went away meanwhile */
        }
        if (server->connection_count >= server->connections_max)
            turn_away(server, fd);
        else
            connection_open(server, fd);
    }
}

int server_start(struct server *server, int listen_fd, struct error *err)
{
    const struct config *config = server->config;

    list_init(&server->connections);
    server->bodies.most = (size_t)config->body_memory;
    deadline_class_init(&server->head_deadlines, config->header_timeout);
    deadline_class_init(&server->body_deadlines, config->body_timeout);
    deadline_class_init(&server->idle_deadlines, config->idle_timeout);
    deadline_class_init(&server->write_deadlines, WRITE_TIMEOUT_SECONDS);
    deadline_class_init(&server->linger_deadlines, LINGER_SECONDS);
    deadline_class_init(&server->heartbeat_deadlines, config->heartbeat);
    server->listen_fd = listen_fd;
    server->listen_poll.data = server;
    server->tick.data = server;
    int status = uv_poll_init(server->loop, &server->listen_poll, listen_fd);
    if (status == 0)
        status = uv_timer_init(server->loop, &server->tick);
    return status == 0 ? 0 : error_set(err, -status, "cannot watch the listening socket");
}

void server_accept(struct server *server)
{
    if (!server->draining)
        uv_poll_start(&server->listen_poll, UV_READABLE, on_listen);
}

void server_retire(struct server *server)
{
    if (server->draining)
        return;
    server->draining = true;
    uv_poll_stop(&server->listen_poll);
    close(server->listen_fd);
    server->listen_fd = -1;
    deadline_class_shorten(&server->idle_deadlines, RETIRED_IDLE_SECONDS, uv_now(server->loop));
    if (server->connection_count == 0)
        uv_stop(server->loop);
}

void server_drain(struct server *server)
{
    struct list *link, *next;

    if (server->stopping)
        return;
    server->stopping = true;
    for (link = server->connections.next; link != &server->connections; link = next) {
        next = link->next;
        connection_drain(link);
    }
    server_retire(server);
}

void server_connection_closed(struct server *server)
{
    server->connection_count--;
    if (server->draining && server->connection_count == 0)
        uv_stop(server->loop);
}
