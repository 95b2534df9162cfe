/* reload.c: `hatchery reload`: has the running service take its settings, or another binary, and waits until it has. */
#include "cli/commands.h"
#include "supervisor/control.h"

enum { OPTION_CONFIG, OPTION_BINARY };

static int reload_main(const struct command *self, int argc, char **argv)
{
    struct options options;
    struct config config = {0};
    struct error err;
    char text[CONTROL_LINE_MAX];
    int status;

    if (command_begin(self, argc, argv, 0, &options, &status) &&
        command_load(self, &options, options.values[OPTION_CONFIG], &config, &status)) {
        if (control_ask(config.listen, options.values[OPTION_BINARY] != NULL, text, &err) != 0) {
            status = command_fail(self, EXIT_STATUS_FAILED, &err);
        } else {
            puts(text);
            status = command_finish(self, EXIT_STATUS_OK);
        }
    }
    config_free(&config);
    options_free(&options);
    return status;
}

const struct command command_reload = {
    .name = "reload",
    .summary = "have the running service take new settings, keys or another binary",
    .text = "The service that the settings describe (listen) reads its settings file and its keys\n"
            "anew, and takes the binary that is at its path now. What has changed is in its log. A\n"
            "new generation of it starts beside the one that serves and takes over when it is ready;\n"
            "what was accepted is finished, and no request is lost. Exit status 0: it is done; 1: it\n"
            "could not be done, and the service goes on as it was. Needs root.\n"
            "\n"
            "  kill -HUP PID    is the same without waiting; kill -USR2 PID is --binary\n",
    .options =
        (const struct cli_option[]){
            {"config", "FILE",
             "settings file; default: $HATCHERY_CONFIG, else /etc/hatchery/hatchery.conf if it exists",
             OPTION_CONFIG},
            {"binary", NULL, "start a new generation also where nothing seems to have changed", OPTION_BINARY},
            {0},
        },
    .settings = true,
    .main = reload_main,
};
