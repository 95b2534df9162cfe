/* serve.c: broker_serve(): the broker with the front as its client. */
#include "broker/broker.h"
#include "broker/core.h"
#include "broker/inner_root.h"
#include "broker/keys.h"
#include "broker/layers.h"
#include "broker/seat.h"
#include "common/config_access.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* The rule for an address of our own, by the socket that is in use, whoever opened it. */
static int check_listener(const struct config *config, int fd, struct error *err)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char host[INET6_ADDRSTRLEN], port[8], text[sizeof host + sizeof port + 4];
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return error_set(err, errno, "listen: the listening socket");
    if (address.ss_family == AF_UNIX)
        return 0;
    if (getnameinfo((struct sockaddr *)&address, size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return error_set(err, 0, "listen: the listening socket has no address");
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

int broker_serve(const struct config *config, const struct seat *seat, struct error *err)
{
    struct broker broker = {.config = config, .client_start = client_start_front, .keys = -1, .listen_fd = seat->listen,
                            .control = seat->control, .holds = seat->holds};
    prctl(PR_SET_NAME, "hatchery-broker");
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* one who has died before shows in the end of the control socket */
    inner_root_told(seat->proc_masked);
    broker.restarts[ROLE_BROKER] = seat->restarts;
    if (check_listener(config, seat->listen, err) != 0)
        return -1;
    if (config->keys_file[0] != '\0' && (broker.keys = keys_open(config->keys_file, err)) < 0)
        return -1;
    broker.isolation = try_layers(config, err);
    if (broker.isolation == NULL)
        return -1;
    int r = broker_main(&broker, err);
    free(broker.isolation);
    return r;
}
