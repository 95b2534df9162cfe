/* serve.c: broker_serve(): the listening socket, and the broker with the front as its client. */
#include "broker/broker.h"
#include "broker/container_init.h"
#include "broker/core.h"
#include "broker/inner_root.h"
#include "broker/keys.h"
#include "broker/layers.h"
#include "broker/supervisor.h"
#include "common/address.h"
#include "common/config_access.h"
#include "common/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

static int open_listener(const char *address, struct error *err)
{
    struct addrinfo *found = address_find(address, false, err);
    if (found == NULL)
        return -1;
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

/* A socket that the service manager opened is held to the same rule as an address of our own. */
static int check_given(const struct config *config, int fd, struct error *err)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char host[INET6_ADDRSTRLEN], port[8], text[sizeof host + sizeof port + 4];
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return error_set(err, errno, "listen: the service manager's socket");
    if (address.ss_family == AF_UNIX)
        return 0;
    if (getnameinfo((struct sockaddr *)&address, size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return error_set(err, 0, "listen: the service manager's socket has no address");
    snprintf(text, sizeof text, address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    struct config as_given = *config; /* borrows the strings */
    as_given.listen = text;
    return config_check_exposure(&as_given, err);
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

/* Refuses to start without a required layer; keeps what GET /info tells of all. The cgroup's limits and the sandbox are tried
 * by what follows: the first sandbox that becomes ready has had every one, or the service stops. */
static char *try_layers(const struct config *config, struct error *err)
{
    char *text = NULL;
    size_t size;
    if (inner_root(config, err) != 0)
        return NULL;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        error_set(err, errno, "layers");
        return NULL;
    }
    fputc('[', out);
    int r = layers_require(config, out, err);
    layer_print_json(&(const struct layer){.name = "cgroup", .required = true, .enforced = true, .detail = "limits are read back before a program runs"}, out);
    fputc(']', out);
    if (fclose(out) == 0 && r == 0)
        return text;
    free(text);
    return NULL;
}

int broker_serve(const struct config *config, struct error *err)
{
    struct broker broker = {.config = config, .client_start = client_start_front, .keys = -1};
    if (container_init(err) != 0)
        return -1;
    const int given = supervisor_adopt(err);
    if (given < -1 || (given >= 0 ? check_given(config, given, err) : config_check_exposure(config, err)) != 0)
        return -1;
    if (config->keys_file[0] != '\0' && (broker.keys = keys_open(config->keys_file, err)) < 0)
        return -1;
    broker.listen_fd = given == -1 ? open_listener(config->listen, err) : given;
    if (broker.listen_fd < 0)
        return -1;
    broker.isolation = try_layers(config, err);
    if (broker.isolation == NULL) {
        close(broker.listen_fd);
        return -1;
    }
    log_event(LOG_INFO, "service.starting", LOG_S("listen", given >= 0 ? "the service manager's socket" : config->listen), LOG_S("version", HATCHERY_VERSION));
    int r = broker_main(&broker, err);
    close(broker.listen_fd);
    free(broker.isolation);
    if (r >= 0)
        log_event(LOG_INFO, "service.stopped", LOG_I("status", r));
    return r;
}
