/* serve.c: `hatchery serve`: reads the settings and becomes the broker. Runs as whoever starts the service. */
#include "broker/broker.h"
#include "cli/commands.h"

enum { OPTION_CONFIG, OPTION_CHECK, OPTION_DUMP };

static int serve_main(const struct command *self, int argc, char **argv)
{
    struct options options;
    struct config config = {0};
    struct error err;
    int status;

    if (options_parse(&options, self, argc, argv, &err) != 0) {
        status = command_fail(self, EXIT_STATUS_USAGE, &err);
    } else if (options.help) {
        help_command(self, stdout);
        status = command_finish(self, EXIT_STATUS_OK);
    } else if (options.operand_count > 0) {
        error_set(&err, 0, "\"%.64s\" is not an option; did you mean \"--%.64s\"?", options.operands[0],
                  options.operands[0]);
        status = command_fail(self, EXIT_STATUS_USAGE, &err);
    } else if (options_load(&options, options.values[OPTION_CONFIG], &config, &err) != 0) {
        status = command_fail(self, EXIT_STATUS_USAGE, &err);
    } else if (options.values[OPTION_DUMP] != NULL) {
        config_dump(&config, stdout);
        status = command_finish(self, EXIT_STATUS_OK);
    } else if (options.values[OPTION_CHECK] != NULL && broker_check(&config, &err) != 0) {
        status = command_fail(self, EXIT_STATUS_USAGE, &err);
    } else if (options.values[OPTION_CHECK] != NULL) {
        puts("the settings are valid");
        status = command_finish(self, EXIT_STATUS_OK);
    } else {
        options_init_log(&config, "broker");
        status = broker_serve(&config, &err);
        if (status < 0)
            status = command_fail(self, EXIT_STATUS_FAILED, &err);
    }
    config_free(&config);
    options_free(&options);
    return status;
}

const struct command command_serve = {
    .name = "serve",
    .summary = "serve the HTTP API",
    .text = "Keeps a pool of warm, sealed sandboxes and answers POST /execute by running the\n"
            "code in one of them. Ends at SIGTERM or SIGINT. Starts only if every layer of the\n"
            "sandbox can be enforced: \"hatchery doctor\" tells.\n"
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
