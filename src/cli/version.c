/* version.c: `hatchery version`. */
#include "cli/commands.h"

static int version_main(const struct command *self, int argc, char **argv)
{
    struct options options;
    struct error err;
    int result = options_parse(&options, self, argc, argv, &err);
    if (result == 0 && options.operand_count > 0)
        result = error_set(&err, 0, "it takes no arguments");
    bool help = options.help;
    options_free(&options);
    if (result != 0)
        return command_fail(self, EXIT_STATUS_USAGE, &err);
    if (help) {
        help_command(self, stdout);
        return command_finish(self, EXIT_STATUS_OK);
    }
    puts("hatchery " HATCHERY_VERSION);
    return command_finish(self, EXIT_STATUS_OK);
}

const struct command command_version = {
    .name = "version",
    .summary = "print the version",
    .text = "Prints the name and the version.\n",
    .main = version_main,
};
