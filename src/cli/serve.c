/* serve.c: `hatchery serve`: reads the settings and becomes the supervisor, or, started by it, a broker. Runs as whoever starts the service. */
#include "broker/broker.h"
#include "broker/seat.h"
#include "cli/commands.h"
#include "supervisor/supervisor.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_CONFIG, OPTION_CHECK, OPTION_DUMP };

static void free_arguments(char **arguments)
{
    for (char **argument = arguments; argument != NULL && *argument != NULL; argument++)
        free(*argument);
    free(arguments);
}

/* The whole process's arguments, before ours are taken apart: the supervisor starts others with them. */
static char **copy_arguments(int argc, char **argv)
{
    char **copy = calloc((size_t)argc + 2, sizeof *copy);
    for (int i = 0; copy != NULL && i <= argc; i++)
        if ((copy[i] = strdup(i == 0 ? "hatchery" : argv[i - 1])) == NULL) {
            free_arguments(copy);
            return NULL;
        }
    return copy;
}

static int load(const void *data, struct config *config, struct error *err)
{
    const struct options *options = data;
    return options_load(options, options->values[OPTION_CONFIG], config, err);
}

static int load_or_keep(const struct options *options, struct config *config, struct error *err)
{
    if (supervisor_is_successor() && supervisor_old_settings(config, err) == 0)
        return 0;
    config_free(config);
    return load(options, config, err);
}

static int load_of_generation(const struct options *options, int memory, struct config *config, struct error *err)
{
    if (lseek(memory, 0, SEEK_END) > 0)
        return config_from_memory(config, memory, err);
    if (load(options, config, err) != 0)
        return -1;
    return config_write(config, memory) == 0 ? 0 : error_set(err, errno, "settings");
}

/* One generation: what it cannot say on the control socket nobody hears. */
static int serve_generation(const struct seat *seat, const struct options *options, struct config *config)
{
    struct error err;
    int status = -1;
    if (load_of_generation(options, seat->settings, config, &err) == 0) {
        config->first_uid = seat->first_uid;
        options_init_log(config, "broker");
        status = broker_serve(config, seat, &err);
    }
    if (status < 0)
        seat_say(seat->control, "failed %s", err.text);
    return status < 0 ? EXIT_STATUS_FAILED : status;
}

static int serve(const struct command *self, char *const *argv, const struct options *options, struct config *config)
{
    const struct supervised what = {.argv = argv, .load = load, .data = options};
    struct error err;
    options_init_log(config, "supervisor");
    int status = supervise(&what, config, &err);
    return status < 0 ? command_fail(self, EXIT_STATUS_FAILED, &err) : status;
}

static int check(const struct command *self, const struct config *config)
{
    struct error err;
    if (broker_check(config, &err) != 0)
        return command_fail(self, EXIT_STATUS_USAGE, &err);
    puts("the settings are valid");
    return command_finish(self, EXIT_STATUS_OK);
}

static int serve_main(const struct command *self, int argc, char **argv)
{
    static char **whole; /* reachable to the end */
    whole = copy_arguments(argc, argv);
    struct options options;
    struct config config = {0};
    struct error err;
    struct seat seat;
    const bool seated = seat_take(&seat);
    int status;

    if (whole == NULL)
        return EXIT_STATUS_FAILED;
    if (options_parse(&options, self, argc, argv, &err) != 0) {
        if (seated)
            seat_say(seat.control, "failed %s", err.text);
        status = seated ? EXIT_STATUS_FAILED : command_fail(self, EXIT_STATUS_USAGE, &err);
    } else if (seated) {
        status = serve_generation(&seat, &options, &config);
    } else if (options.help) {
        help_command(self, stdout);
        status = command_finish(self, EXIT_STATUS_OK);
    } else if (options.operand_count > 0) {
        error_set(&err, 0, "\"%.64s\" is not an option; did you mean \"--%.64s\"?", options.operands[0],
                  options.operands[0]);
        status = command_fail(self, EXIT_STATUS_USAGE, &err);
    } else if (load_or_keep(&options, &config, &err) != 0) {
        status = command_fail(self, EXIT_STATUS_USAGE, &err);
    } else if (options.values[OPTION_DUMP] != NULL) {
        config_dump(&config, stdout);
        status = command_finish(self, EXIT_STATUS_OK);
    } else if (options.values[OPTION_CHECK] != NULL) {
        status = check(self, &config);
    } else {
        status = serve(self, whole, &options, &config);
    }
    config_free(&config);
    options_free(&options);
    free_arguments(whole);
    return status;
}

const struct command command_serve = {
    .name = "serve",
    .summary = "serve the HTTP API",
    .text = "Keeps a pool of warm, sealed sandboxes and answers POST /execute by running the\n"
            "code in one of them. Ends at SIGTERM or SIGINT; SIGHUP reads settings and keys anew,\n"
            "SIGUSR2 puts the binary that is at its path now in its place, both without losing a\n"
            "request: \"hatchery reload\". Starts only if every layer of the sandbox can be enforced:\n"
            "\"hatchery doctor\" tells.\n"
            "\n"
            "  hatchery serve --listen 127.0.0.1:8000\n"
            "  curl --json '{\"code\": \"print(6 * 7)\"}' http://127.0.0.1:8000/execute\n",
    .options =
        (const struct cli_option[]){
            {"config", "FILE",
             "settings file; default: $HATCHERY_CONFIG, else /etc/hatchery/hatchery.conf if it exists",
             OPTION_CONFIG},
            {"check-config", NULL, "read and check the settings, say so, and end", OPTION_CHECK},
            {"dump-config", NULL, "print all settings as a settings file, and end", OPTION_DUMP},
            {0},
        },
    .settings = true,
    .sandboxes = true,
    .main = serve_main,
};
