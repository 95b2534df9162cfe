/* serve.c: broker_serve(): the listening socket, and the broker with the front as its client. */
#include "broker/broker.h"
#include "broker/container_init.h"
#include "broker/core.h"
#include "broker/keys.h"
#include "common/config_access.h"
#include "common/log.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096, HOST_MAX = 256 };

/* "HOST:PORT", "[IPv6]:PORT". */
static int split_address(const char *address, char host[HOST_MAX], const char **port, struct error *err)
{
    const char *colon = strrchr(address, ':');
    size_t n = colon != NULL ? (size_t)(colon - address) : 0;
    if (colon == NULL || colon[1] == '\0' || n >= HOST_MAX)
        return error_set(err, 0, "listen: \"%.200s\" is no address; give HOST:PORT, such as 127.0.0.1:8000", address);
    const char *start = address;
    if (n >= 2 && address[0] == '[' && address[n - 1] == ']') {
        start++;
        n -= 2;
    }
    memcpy(host, start, n);
    host[n] = '\0';
    *port = colon + 1;
    return 0;
}

static int open_listener(const char *address, struct error *err)
{
    char host[HOST_MAX];
    const char *port = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found;

    if (split_address(address, host, &port, err) != 0)
        return -1;
    int r = getaddrinfo(host[0] != '\0' ? host : NULL, port, &hints, &found);
    if (r != 0)
        return error_set(err, 0, "listen %s: %s", address, gai_strerror(r));
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int one = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        error_set(err, errno, "listen %s", address);
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

int broker_check(const struct config *config, struct error *err)
{
    if (config_check_exposure(config, err) != 0)
        return -1;
    int keys = config->keys_file[0] != '\0' ? keys_open(config->keys_file, err) : 0;
    if (keys > 0)
        close(keys);
    return keys >= 0 ? 0 : -1;
}

int broker_serve(const struct config *config, struct error *err)
{
    struct broker broker = {.config = config, .client_start = client_start_front, .keys = -1};
    if (container_init(err) != 0)
        return -1;
    if (config_check_exposure(config, err) != 0)
        return -1;
    if (config->keys_file[0] != '\0' && (broker.keys = keys_open(config->keys_file, err)) < 0)
        return -1;
    broker.listen_fd = open_listener(config->listen, err);
    if (broker.listen_fd < 0)
        return -1;
    log_event(LOG_INFO, "service.starting", LOG_S("listen", config->listen), LOG_S("version", HATCHERY_VERSION));
    int r = broker_main(&broker, err);
    close(broker.listen_fd);
    if (r >= 0)
        log_event(LOG_INFO, "service.stopped", LOG_I("status", r));
    return r;
}
