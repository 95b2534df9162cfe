/* commands.h: the commands of the binary. main.c has their table; each lives in a file of its own.
 *
 * A command gets its own arguments (argv[0] is its name), prints its own errors and returns the exit status. */
#pragma once

#include "cli/options.h"

enum exit_status {
    EXIT_STATUS_OK = 0,
    EXIT_STATUS_FAILED = 1,       /* the command could not do its work, or (doctor) found what is missing */
    EXIT_STATUS_USAGE = 2,        /* a wrong command line, settings file or environment */
    EXIT_STATUS_RUN_FAILED = 125, /* hatchery run: its own failure, never the program's, as with timeout(1) */
};

struct command {
    const char *name;
    const char *arguments; /* after the options, for --help */
    const char *summary;   /* NULL: hidden */
    const char *text;      /* what --help teaches */
    const struct cli_option *options;
    bool sandboxes;        /* it makes sandboxes, for which the kernel wants a real root */
    bool operands_last; /* what follows the first operand is one, too, whatever it looks like */
    bool settings;         /* it takes every setting as an option, too */
    const char *log_level; /* its default where that is not the setting's own */
    int (*main)(const struct command *self, int argc, char **argv);
};

extern const struct command command_serve, command_reload, command_run, command_doctor, command_key, command_version, command_help,
    command_front, command_health, command_bench;

/* Every command, ended by NULL, in the order of --help. */
extern const struct command *const commands[];

/* Prints what `hatchery help` or `hatchery COMMAND --help` says. */
void help_overview(FILE *out);
void help_command(const struct command *command, FILE *out);
/* The settings, for docs/settings.md and for docs/hatchery.1. */
void help_settings_markdown(FILE *out);
void help_settings_mdoc(FILE *out);

/* What every command begins with: parses the command line, with at most so many operands, and answers --help. False: there is
 * nothing left to do but options_free() and to return *status. */
bool command_begin(const struct command *self, int argc, char **argv, int operands_most, struct options *options, int *status);

/* And those with settings go on with: options_load(), with the same meaning. config_free() in both cases. */
bool command_load(const struct command *self, const struct options *options, const char *file, struct config *config, int *status);

/* "hatchery COMMAND: text" on standard error; returns `status`. */
int command_fail(const struct command *self, int status, const struct error *err);

/* Flushes standard output: `status`, or EXIT_STATUS_FAILED with a message when it could not be written. */
int command_finish(const struct command *self, int status);
