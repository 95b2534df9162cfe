/* version.c: `hatchery version`. */
#include "cli/commands.h"

static int version_main(const struct command *self, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("hatchery " HATCHERY_VERSION);
    return command_finish(self, EXIT_STATUS_OK);
}

const struct command command_version = {
    .name = "version",
    .summary = "print the version",
    .text = "Prints the name and the version.\n",
    .main = version_main,
};
