/* doctor.c: `hatchery doctor`: what this machine can enforce, what is missing, and how to get it. */
#include "broker/doctor.h"
#include "cli/commands.h"

enum { OPTION_CONFIG, OPTION_JSON };

static int doctor_main(const struct command *self, int argc, char **argv)
{
    struct options options;
    struct config config = {0};
    int status;

    if (command_begin(self, argc, argv, 0, &options, &status) &&
        command_load(self, &options, options.values[OPTION_CONFIG], &config, &status)) {
        options_init_log(&config, "doctor");
        status = doctor_report(&config, options.values[OPTION_JSON] != NULL, stdout);
        status = command_finish(self, status);
    }
    config_free(&config);
    options_free(&options);
    return status;
}

const struct command command_doctor = {
    .name = "doctor",
    .summary = "tell what this machine can enforce, and what is missing",
    .text = "Tries every layer of the sandbox and names each as enforced or missing, with the\n"
            "reason and the remedy. Exit status 0: the service would start; 1: it would not.\n"
            "Run it as the user that runs the service.\n",
    .options =
        (const struct cli_option[]){
            {"json", NULL, "the report as JSON", OPTION_JSON},
            {"config", "FILE",
             "settings file; default: $HATCHERY_CONFIG, else /etc/hatchery/hatchery.conf if it exists",
             OPTION_CONFIG},
            {0},
        },
    .settings = true,
    .sandboxes = true,
    .log_level = "warn",
    .main = doctor_main,
};
