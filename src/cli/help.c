/* help.c: `hatchery help` and every --help. The settings' part comes from their table. */
#include "cli/commands.h"
#include "sandbox/container_profile.h"

#include <string.h>

static void print_options(const struct cli_option *option, FILE *out)
{
    for (; option != NULL && option->name != NULL; option++)
        fprintf(out, "  --%s%s%s\n        %s\n", option->name, option->argument != NULL ? "=" : "",
                option->argument != NULL ? option->argument : "", option->text);
}

void help_overview(FILE *out)
{
    fputs("hatchery " HATCHERY_VERSION ": runs Python code over HTTP, each program in a sandbox of its own\n"
          "\n"
          "usage: hatchery COMMAND [OPTIONS]\n"
          "\n",
          out);
    for (size_t i = 0; commands[i] != NULL; i++)
        if (commands[i]->summary != NULL)
            fprintf(out, "  %-9s%s\n", commands[i]->name, commands[i]->summary);
    fputs("\n"
          "To start: \"hatchery doctor\" tells whether this machine has what a sandbox needs,\n"
          "\"hatchery serve\" serves on 127.0.0.1:8000, and then\n"
          "\n"
          "  curl --json '{\"code\": \"print(6 * 7)\"}' http://127.0.0.1:8000/execute\n"
          "\n"
          "\"hatchery help COMMAND\" tells more, \"hatchery help settings\" lists every setting.\n",
          out);
}

void help_command(const struct command *command, FILE *out)
{
    fprintf(out, "usage: hatchery %s%s%s%s\n\n%s", command->name,
            command->options != NULL || command->settings ? " [OPTIONS]" : "",
            command->arguments != NULL ? " " : "", command->arguments != NULL ? command->arguments : "",
            command->text != NULL ? command->text : "");
    if (command->options != NULL || command->settings)
        fputs("\nOptions:\n", out);
    print_options(command->options, out);
    if (command->settings) {
        fputs("\nSettings (default in brackets). The command line wins over the environment\n"
              "(HATCHERY_LIMIT_MEMORY=64M), which wins over the settings file (limit-memory = 64M).\n"
              "Those with an asterisk can be given for one environment: --environment.NAME.limit-memory=64M.\n",
              out);
        config_help(out);
    }
}

struct row {
    const char *type, *name, *dflt;
    double min, max;
    const char *unit, *text;
    bool of_environment;
};

static const struct row rows[] = {
#define SETTING(type_, field_, name_, dflt_, min_, max_, unit_, text_) \
    {#type_, name_, dflt_, min_, max_, unit_, text_, false},
#define SETTING_ENV(type_, field_, name_, dflt_, min_, max_, unit_, text_) \
    {#type_, name_, dflt_, min_, max_, unit_, text_, true},
#include "common/settings.def"
#undef SETTING
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

static void print_markdown_cell(const char *text, FILE *out)
{
    for (; *text != '\0'; text++)
        fprintf(out, *text == '|' ? "\\%c" : "%c", *text);
}

void help_settings_markdown(FILE *out)
{
    fputs("# Settings\n"
          "\n"
          "Made from `src/common/settings.def` by `make docs`; a test keeps it so.\n"
          "\n"
          "Every setting can be given in three ways, and the first that is given wins: on the command line\n"
          "(`--limit-memory=64M`), in the environment (`HATCHERY_LIMIT_MEMORY=64M`), in the settings file\n"
          "(`limit-memory = 64M`; `#` starts a comment line). The file is the one that `--config` or "
          "`HATCHERY_CONFIG`\n"
          "names (an empty name: none), else `/etc/hatchery/hatchery.conf` where it exists.\n"
          "`hatchery serve --dump-config` prints what is in force as a settings file; `--check-config` only "
          "checks it.\n"
          "\n"
          "Sizes take `K`, `M`, `G` and `T` (powers of 1024); seconds may have decimals.\n"
          "\n"
          "Settings with an asterisk can be given for one [environment](environments.md) alone: below\n"
          "`[environment data]` in the file, as `--environment.data.limit-memory=1G`, as\n"
          "`HATCHERY_ENVIRONMENT_DATA_LIMIT_MEMORY=1G`.\n"
          "\n"
          "| setting | default | unit | bounds | what it is |\n"
          "| --- | --- | --- | --- | --- |\n",
          out);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const struct row *row = &rows[i];
        fprintf(out, row->of_environment ? "| `%s`* | " : "| `%s` | ", row->name);
        fprintf(out, row->dflt[0] != '\0' ? "`%s` | " : "%s| ", row->dflt);
        print_markdown_cell(row->unit, out);
        if (row->max > 0)
            fprintf(out, " | %.15g to %.15g | ", row->min, row->max);
        else
            fputs(" | | ", out);
        print_markdown_cell(row->text, out);
        fputs(" |\n", out);
    }
}

void help_settings_mdoc(FILE *out)
{
    fputs(".Bl -tag -width Ds\n", out);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        fprintf(out, ".It Fl Fl %s Ns = Ns Ar %s\n%s", rows[i].name, rows[i].unit, rows[i].text);
        fprintf(out, rows[i].dflt[0] != '\0' ? " (default: %s).\n" : "%s.\n", rows[i].dflt);
    }
    fputs(".El\n", out);
}

static int help_main(const struct command *self, int argc, char **argv)
{
    const char *topic = argc > 1 ? argv[1] : NULL;
    if (topic == NULL || topic[0] == '-') {
        help_overview(stdout);
        return command_finish(self, EXIT_STATUS_OK);
    }
    if (strcmp(topic, "settings") == 0) {
        config_help(stdout);
        return command_finish(self, EXIT_STATUS_OK);
    }
    if (strcmp(topic, "settings.md") == 0) {
        help_settings_markdown(stdout);
        return command_finish(self, EXIT_STATUS_OK);
    }
    if (strcmp(topic, "settings.mdoc") == 0) {
        help_settings_mdoc(stdout);
        return command_finish(self, EXIT_STATUS_OK);
    }
    if (strcmp(topic, "seccomp.json") == 0) {
        container_profile_print(stdout);
        return command_finish(self, EXIT_STATUS_OK);
    }
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strcmp(commands[i]->name, topic) == 0 && commands[i]->summary != NULL) {
            help_command(commands[i], stdout);
            return command_finish(self, EXIT_STATUS_OK);
        }
    }
    struct error err;
    error_set(&err, 0, "there is no help on \"%.64s\"; \"hatchery help\" lists the commands", topic);
    return command_fail(self, EXIT_STATUS_USAGE, &err);
}

const struct command command_help = {
    .name = "help",
    .arguments = "[COMMAND|settings]",
    .summary = "explain a command or list the settings",
    .text = "Explains a command, or lists the settings.\n",
    .main = help_main,
};
