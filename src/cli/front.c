/* front.c: `hatchery front`: the role that reads the network. Only the broker starts it, with four descriptors:
 * the settings and what is told of the layers (memory files), the listening socket and its channel to the broker. It opens nothing by name. */
#include "front/front.h"

#include "cli/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { OPTION_CONFIG_FD, OPTION_ISOLATION_FD, OPTION_LISTEN_FD, OPTION_CHANNEL_FD, OPTION_COUNT };

static const struct cli_option front_options[] = {
    {"config-fd", "N", "the settings", OPTION_CONFIG_FD},
    {"isolation-fd", "N", "what GET /info tells of the layers, as JSON", OPTION_ISOLATION_FD},
    {"listen-fd", "N", "the listening socket", OPTION_LISTEN_FD},
    {"channel-fd", "N", "the channel to the broker", OPTION_CHANNEL_FD},
    {0},
};

/* The descriptor that an option names: open, and from now on close-on-exec. -1 with err. */
static int inherited(const struct options *options, size_t index, struct error *err)
{
    const char *text = options->values[index];
    if (text == NULL)
        return error_set(err, 0, "--%s is missing; only \"hatchery serve\" starts this command",
                         front_options[index].name);
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 6 || text[digits] != '\0' || atoi(text) <= STDERR_FILENO)
        return error_set(err, 0, "--%s: \"%.64s\" is not a descriptor above 2", front_options[index].name,
                         text);
    if (fcntl(atoi(text), F_SETFD, FD_CLOEXEC) < 0)
        return error_set(err, errno, "--%s=%s", front_options[index].name, text);
    return atoi(text);
}

/* Lives as long as the process. NULL with err. */
static char *read_isolation(int fd, struct error *err)
{
    const off_t size = lseek(fd, 0, SEEK_END);
    char *text = size > 0 ? calloc(1, (size_t)size + 1) : NULL;
    if (text == NULL || pread(fd, text, (size_t)size, 0) != (ssize_t)size) {
        error_set(err, errno, "isolation");
        return NULL;
    }
    close(fd);
    return text;
}

/* libuv sets a ring up where it can, before the filter of confine.c refuses the calls that use it, and aborts then. */
static int refuse_io_uring(void)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    int r = ctx == NULL ? -1 : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(io_uring_setup), 0);
    if (r == 0)
        r = seccomp_load(ctx);
    seccomp_release(ctx);
    return r;
}

static int front_command_main(const struct command *self, int argc, char **argv)
{
    struct options options;
    struct config config = {0};
    struct error err;
    int fds[OPTION_COUNT];

    int result = options_parse(&options, self, argc, argv, &err);
    for (size_t i = 0; result >= 0 && i < OPTION_COUNT; i++)
        result = fds[i] = inherited(&options, i, &err);
    options_free(&options);
    if (result < 0)
        return command_fail(self, EXIT_STATUS_USAGE, &err);
    if (config_from_memory(&config, fds[OPTION_CONFIG_FD], &err) != 0)
        return command_fail(self, EXIT_STATUS_FAILED, &err);
    close(fds[OPTION_CONFIG_FD]);
    const char *isolation = read_isolation(fds[OPTION_ISOLATION_FD], &err);
    if (isolation == NULL)
        return command_fail(self, EXIT_STATUS_FAILED, &err);
    options_init_log(&config, "front");
    if (refuse_io_uring() != 0)
        return EXIT_STATUS_FAILED;
    prctl(PR_SET_NAME, "hatchery-front"); /* started through /proc/self/exe, it would be called "exe" */
    int status = front_main(&config, isolation, fds[OPTION_LISTEN_FD], fds[OPTION_CHANNEL_FD]);
    config_free(&config);
    return status;
}

const struct command command_front = {
    .name = "front",
    .options = front_options,
    .main = front_command_main,
};
