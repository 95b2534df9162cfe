/* load.c: sends the same POST /execute again and again over kept-alive connections, each with one request under way,
 * and prints one JSON object: how many answers, how fast. In C, so that the client costs next to nothing of what it
 * measures. An answer that is not 200, or lacks the expected text, is counted as wrong.
 *
 *   load PORT CONNECTIONS SECONDS BODY EXPECTED [REST]
 *
 * With REST the only connection rests so many seconds after each answer. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 256, ANSWER_MAX = 64 * 1024, REQUEST_MAX = 64 * 1024, SAMPLES_MAX = 1 << 22 };

struct connection {
    int fd;
    uint64_t sent_ns;
    size_t used;
    char answer[ANSWER_MAX + 1];
};

static char request[REQUEST_MAX];
static size_t request_size;
static const char *expected;
static struct connection connections[CONNECTIONS_MAX];
static uint32_t samples[SAMPLES_MAX]; /* nanoseconds / 16 */
static size_t sample_count, wrong_count;
static struct timespec rest;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void connect_to(struct connection *connection, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 || connect(connection->fd, (struct sockaddr *)&address, sizeof address) != 0)
        die("connect");
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void send_request(struct connection *connection)
{
    connection->used = 0;
    connection->sent_ns = now_ns();
    for (size_t sent = 0; sent < request_size;) {
        ssize_t n = send(connection->fd, request + sent, request_size - sent, MSG_NOSIGNAL);
        if (n < 0)
            die("send");
        sent += (size_t)n;
    }
}

/* The size of the whole answer, 0 while its head is not complete. */
static size_t answer_size(const struct connection *connection)
{
    const char *end = strstr(connection->answer, "\r\n\r\n");
    if (end == NULL)
        return 0;
    const char *length = strcasestr(connection->answer, "\r\ncontent-length:");
    if (length == NULL || length > end) {
        errno = EPROTO;
        die("an answer without Content-Length");
    }
    return (size_t)(end + 4 - connection->answer) + strtoul(length + 17, NULL, 10);
}

/* Reads what is there; true when the answer is whole. */
static bool read_answer(struct connection *connection)
{
    ssize_t n = recv(connection->fd, connection->answer + connection->used, ANSWER_MAX - connection->used, 0);
    if (n <= 0) {
        errno = n == 0 ? ECONNRESET : errno;
        die("the service closed the connection");
    }
    connection->used += (size_t)n;
    connection->answer[connection->used] = '\0';
    size_t size = answer_size(connection);
    if (size > ANSWER_MAX) {
        errno = EMSGSIZE;
        die("answer");
    }
    return size != 0 && connection->used >= size;
}

static void take_sample(const struct connection *connection)
{
    if (strncmp(connection->answer, "HTTP/1.1 200", 12) != 0 || strstr(connection->answer, expected) == NULL)
        wrong_count++;
    if (sample_count < SAMPLES_MAX)
        samples[sample_count++] = (uint32_t)((now_ns() - connection->sent_ns) / 16);
}

static void load(int epoll, size_t count, uint64_t end_ns)
{
    size_t active = count;
    for (size_t i = 0; i < count; i++)
        send_request(&connections[i]);
    while (active > 0) {
        struct epoll_event events[CONNECTIONS_MAX];
        int n = epoll_wait(epoll, events, CONNECTIONS_MAX, 60000);
        if (n <= 0)
            die("no answer for a minute");
        for (int i = 0; i < n; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!read_answer(connection))
                continue;
            take_sample(connection);
            if (rest.tv_nsec > 0)
                nanosleep(&rest, NULL);
            if (now_ns() < end_ns)
                send_request(connection);
            else
                active--;
        }
    }
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double quantile(double q)
{
    size_t at = (size_t)(q * (double)sample_count);
    return (double)samples[at < sample_count ? at : sample_count - 1] * 16e-9;
}

int main(int argc, char **argv)
{
    size_t count = argc >= 6 ? strtoul(argv[2], NULL, 10) : 0;
    double pause = argc == 7 ? strtod(argv[6], NULL) : 0;
    if (argc > 7 || count == 0 || count > CONNECTIONS_MAX || pause < 0 || pause >= 1 ||
        (pause > 0 && count > 1)) {
        fprintf(stderr, "usage: load PORT CONNECTIONS SECONDS BODY EXPECTED [REST]\n");
        return 2;
    }
    rest.tv_nsec = (long)(pause * 1e9);
    expected = argv[5];
    int size = snprintf(request, sizeof request,
                        "POST /execute HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                        "Content-Length: %zu\r\n\r\n%s",
                        strlen(argv[4]), argv[4]);
    if (size < 0 || (size_t)size >= sizeof request)
        return 2;
    request_size = (size_t)size;

    int epoll = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < count; i++) {
        connect_to(&connections[i], (uint16_t)strtoul(argv[1], NULL, 10));
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].fd, &event) != 0)
            die("epoll");
    }
    uint64_t start = now_ns();
    load(epoll, count, start + (uint64_t)(strtod(argv[3], NULL) * 1e9));
    double seconds = (double)(now_ns() - start) * 1e-9;
    qsort(samples, sample_count, sizeof samples[0], compare);
    printf("{\"runs\": %zu, \"wrong\": %zu, \"per_second\": %.2f, \"p50\": %.7f, \"p99\": %.7f}\n",
           sample_count, wrong_count, (double)sample_count / seconds, quantile(0.5), quantile(0.99));
    return 0;
}
