/* load.c: see load.h. One thread, one epoll, so that it takes next to nothing of the machine that it measures. Trusts the service
 * as little as a client must: an answer's first 64 KiB are kept, the rest is counted. */
#include "cli/load.h"
#include "common/clock.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { KEPT_MAX = 64 * 1024, PATIENCE_MS = 60000, EVENTS_MAX = 64 };

struct client {
    int fd; /* -1: to be connected before the next request */
    bool waiting; /* for an answer */
    double sent, due; /* due: when it sends again */
    size_t got;   /* of the answer */
    size_t kept;  /* of it, in `answer` */
    size_t size;  /* of the whole answer; 0: not known yet */
    char *answer; /* KEPT_MAX + 1 bytes */
};

struct load {
    const struct load_plan *plan;
    struct load_result *result;
    struct error *err;
    size_t room; /* of result->latencies */
    struct client *clients;
    int epoll;
    double end;
};

static double now(void)
{
    return (double)now_ns() * 1e-9;
}

static int connect_client(struct load *load, struct client *client)
{
    const struct addrinfo *address = load->plan->address;
    const struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    const int one = 1;
    client->fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    if (client->fd < 0 || setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0 ||
        connect(client->fd, address->ai_addr, address->ai_addrlen) != 0 ||
        epoll_ctl(load->epoll, EPOLL_CTL_ADD, client->fd, &event) != 0)
        return error_set(load->err, errno, "cannot connect");
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return 0;
}

static void disconnect(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
}

/* The request is sent, or the connection is broken; -1 where there is no connection to be had. */
static int send_request(struct load *load, struct client *client)
{
    if (client->fd < 0 && connect_client(load, client) != 0)
        return -1;
    client->got = client->kept = client->size = 0;
    client->waiting = true;
    client->sent = now();
    for (size_t sent = 0; sent < load->plan->request_size;) {
        const ssize_t n = send(client->fd, load->plan->request + sent, load->plan->request_size - sent, MSG_NOSIGNAL);
        if (n <= 0) /* what it answered before it closed is read all the same */
            break;
        sent += (size_t)n;
    }
    return 0;
}

static const char *header(const struct client *client, const char *name)
{
    const char *end = strstr(client->answer, "\r\n\r\n"), *found = strcasestr(client->answer, name);
    return end != NULL && found != NULL && found < end ? found + strlen(name) : NULL;
}

/* Sets client->size as soon as the head is there; -1 where it does not tell. */
static int find_size(struct client *client)
{
    const char *end = strstr(client->answer, "\r\n\r\n");
    if (end == NULL)
        return client->kept < KEPT_MAX ? 0 : -1;
    const char *length = header(client, "\r\ncontent-length:");
    if (length == NULL)
        return -1;
    client->size = (size_t)(end + 4 - client->answer) + strtoul(length, NULL, 10);
    return 0;
}

static int add_latency(struct load *load, double latency)
{
    struct load_result *result = load->result;
    if (result->good == load->room) {
        load->room = load->room > 0 ? 2 * load->room : 4096;
        double *more = realloc(result->latencies, load->room * sizeof *more);
        if (more == NULL)
            return error_set(load->err, errno, "latencies");
        result->latencies = more;
    }
    result->latencies[result->good++] = latency;
    return 0;
}

static int count_answer(struct load *load, struct client *client)
{
    const int status = strncmp(client->answer, "HTTP/1.", 7) == 0 ? atoi(client->answer + 8) : 0;
    const char *expected = load->plan->expected;
    if (status == 429 || status == 503)
        load->result->refused++;
    else if (status != 200 || (expected != NULL && strstr(client->answer, expected) == NULL))
        load->result->wrong++;
    else
        return add_latency(load, now() - client->sent);
    return 0;
}

/* Reads what is there of an answer. */
static int read_answer(struct load *load, struct client *client)
{
    char rest[KEPT_MAX];
    const bool keep = client->kept < KEPT_MAX;
    const ssize_t n = recv(client->fd, keep ? client->answer + client->kept : rest, keep ? KEPT_MAX - client->kept : sizeof rest, 0);
    if (n > 0) {
        client->got += (size_t)n;
        client->kept += keep ? (size_t)n : 0;
        client->answer[client->kept] = '\0';
    }
    if (n <= 0 || !client->waiting || (client->size == 0 && find_size(client) != 0)) {
        load->result->broken += client->waiting; /* a service may close a connection that rests */
        disconnect(client);
    } else if (client->size == 0 || client->got < client->size) {
        return 0;
    } else {
        if (count_answer(load, client) != 0)
            return -1;
        const char *connection = header(client, "\r\nconnection:");
        if (connection != NULL && strncasecmp(connection + strspn(connection, " "), "close", 5) == 0)
            disconnect(client);
    }
    client->due = client->waiting ? now() + load->plan->rest : client->due;
    client->waiting = false;
    return 0;
}

/* Sends what is due; how many milliseconds the next one has to wait, PATIENCE_MS for none, or -1 with an error, or -2 where
 * all is done. */
static int send_due(struct load *load)
{
    const double time = now();
    double next = time < load->end ? load->end : 0; /* 0: nothing is sent any more */
    size_t waiting = 0;
    for (size_t i = 0; i < load->plan->clients; i++) {
        struct client *client = &load->clients[i];
        if (!client->waiting && client->due <= time && next > 0 && send_request(load, client) != 0)
            return -1;
        waiting += client->waiting;
        if (!client->waiting && client->due < next)
            next = client->due;
    }
    const double left = next - time;
    if (waiting < load->plan->clients && next > 0 && left < PATIENCE_MS / 1e3)
        return left > 0 ? (int)(left * 1e3) + 1 : 0;
    return waiting > 0 ? PATIENCE_MS : -2;
}

/* The client that was just answered is the one that sends: all are looked at only where they rest. */
static int answer_events(struct load *load, const struct epoll_event *events, int count)
{
    for (int i = 0; i < count; i++) {
        struct client *client = events[i].data.ptr;
        if (read_answer(load, client) != 0)
            return -1;
        if (!client->waiting && load->plan->rest <= 0 && now() < load->end && send_request(load, client) != 0)
            return -1;
    }
    return 0;
}

static int drive(struct load *load)
{
    int timeout;
    while ((timeout = send_due(load)) >= 0) {
        struct epoll_event events[EVENTS_MAX];
        const int n = epoll_wait(load->epoll, events, EVENTS_MAX, timeout);
        if (n < 0 && errno != EINTR)
            return error_set(load->err, errno, "epoll_wait");
        if (n == 0 && timeout == PATIENCE_MS)
            return error_set(load->err, 0, "no answer for %d s", PATIENCE_MS / 1000);
        if (answer_events(load, events, n) != 0)
            return -1;
    }
    return timeout == -2 ? 0 : -1;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int load_run(const struct load_plan *plan, struct load_result *result, struct error *err)
{
    struct load load = {.plan = plan, .result = result, .err = err, .clients = calloc(plan->clients, sizeof *load.clients)};
    memset(result, 0, sizeof *result);
    if (load.clients == NULL)
        return error_set(err, errno, "clients");
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    int r = load.epoll >= 0 ? 0 : error_set(err, errno, "epoll");
    for (size_t i = 0; i < plan->clients; i++)
        load.clients[i].fd = -1;
    for (size_t i = 0; r == 0 && i < plan->clients; i++) {
        load.clients[i].answer = malloc(KEPT_MAX + 1);
        r = load.clients[i].answer != NULL ? connect_client(&load, &load.clients[i]) : error_set(err, errno, "clients");
    }
    const double start = now();
    load.end = start + plan->seconds;
    if (r == 0)
        r = drive(&load);
    result->seconds = now() - start;
    for (size_t i = 0; i < plan->clients; i++) {
        disconnect(&load.clients[i]);
        free(load.clients[i].answer);
    }
    free(load.clients);
    if (load.epoll >= 0)
        close(load.epoll);
    if (r == 0 && result->good > 0)
        qsort(result->latencies, result->good, sizeof *result->latencies, compare);
    return r;
}

void load_result_free(struct load_result *result)
{
    free(result->latencies);
    result->latencies = NULL;
}

double load_quantile(const struct load_result *result, double q)
{
    const size_t at = (size_t)(q * (double)result->good);
    return result->good > 0 ? result->latencies[at < result->good ? at : result->good - 1] : 0;
}
