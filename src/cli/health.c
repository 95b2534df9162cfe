/* health.c: `hatchery health`: asks the service on this machine whether it is well. For HEALTHCHECK and for scripts. */
#include "cli/commands.h"
#include "common/address.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OPTION_CONFIG };
enum { ANSWER_SECONDS = 3 };

static int ask(const char *listen, struct error *err)
{
    static const char request[] = "GET /health HTTP/1.0\r\n\r\n";
    char answer[64] = "";
    const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
    struct addrinfo *found = address_find(listen, true, err);
    if (found == NULL)
        return -1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ssize_t n = -1;
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
        connect(fd, found->ai_addr, found->ai_addrlen) == 0 && send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0)
        n = recv(fd, answer, sizeof answer - 1, MSG_WAITALL);
    if (n < 0)
        error_set(err, errno == EAGAIN || errno == EINPROGRESS ? ETIMEDOUT : errno, "no answer from %s", listen);
    if (fd >= 0)
        close(fd);
    freeaddrinfo(found);
    if (n < 0)
        return -1;
    answer[strcspn(answer, "\r\n")] = '\0';
    return strncmp(answer, "HTTP/1.", 7) == 0 && strncmp(answer + 8, " 200", 4) == 0
               ? 0
               : error_set(err, 0, "%s answers \"%s\"", listen, answer);
}

static int health_main(const struct command *self, int argc, char **argv)
{
    struct options options;
    struct config config = {0};
    struct error err;
    int status;

    if (command_begin(self, argc, argv, 0, &options, &status) &&
        command_load(self, &options, options.values[OPTION_CONFIG], &config, &status)) {
        if (ask(config.listen, &err) != 0) {
            status = command_fail(self, EXIT_STATUS_FAILED, &err);
        } else {
            puts("healthy");
            status = command_finish(self, EXIT_STATUS_OK);
        }
    }
    config_free(&config);
    options_free(&options);
    return status;
}

const struct command command_health = {
    .name = "health",
    .summary = "ask the running service whether it is well",
    .text = "Asks GET /health of the service that the settings describe (listen). Exit status 0:\n"
            "it is well; 1: it does not answer, or badly. Needs no rights.\n",
    .options =
        (const struct cli_option[]){
            {"config", "FILE",
             "settings file; default: $HATCHERY_CONFIG, else /etc/hatchery/hatchery.conf if it exists",
             OPTION_CONFIG},
            {0},
        },
    .settings = true,
    .main = health_main,
};
