/* options.h: one command's command line, and the settings that come from all four sources. */
#pragma once

#include "common/config.h"

struct command;

/* An option of one command, besides the settings. A table of them ends with name NULL. */
struct cli_option {
    const char *name;
    const char *argument; /* what stands for its value in --help; NULL: it takes none */
    const char *text;
    size_t index; /* where options.values holds what was given */
};

enum { OPTION_VALUES_MAX = 8 };

struct options {
    const struct command *command;
    const char *values[OPTION_VALUES_MAX]; /* NULL: not given; "": given, takes no value; belongs to argv */
    bool help;
    char **operands; /* what is left, ended by NULL; belongs to argv */
    int operand_count;
    /* the settings given as options, in order; belongs to the struct */
    struct {
        const char *name, *value;
    } * settings;
    size_t setting_count;
};

/* Takes the command line apart; nothing is read or set. 0, or -1 with an error that names the option and the remedy.
 * options_free() in both cases. */
int options_parse(struct options *options, const struct command *command, int argc, char **argv,
                  struct error *err);
void options_free(struct options *options);

/* Fills `config`: defaults (the log level the command's), then the settings file, then the environment, then the options; then config_finish().
 * `file` is --config's value or NULL: HATCHERY_CONFIG, else the default file where there is one. An empty name means
 * no file. The caller calls config_free() in both cases. */
int options_load(const struct options *options, const char *file, struct config *config, struct error *err);

/* log_init() with the settings' level and format. */
void options_init_log(const struct config *config, const char *role);
