/* options.c: see options.h. The table of settings is the table of options: nothing is listed twice. */
#include "cli/options.h"

#include "cli/commands.h"
#include "common/log.h"
#include "common/suggest.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char default_file[] = "/etc/hatchery/hatchery.conf";

static const char *const setting_names[] = {
#define SETTING(type, field, name, dflt, min, max, unit, text) name,
#include "common/settings.def"
#undef SETTING
};

enum {
    SETTING_COUNT = sizeof setting_names / sizeof setting_names[0],
    LONGS_MAX = SETTING_COUNT + OPTION_VALUES_MAX + 2,
    /* what getopt_long() returns: above every character */
    VALUE_HELP = 0x100,
    VALUE_OPTION,
    VALUE_SETTING = VALUE_OPTION + OPTION_VALUES_MAX,
};

/* --environment.NAME.SETTING=VALUE: no list can hold every name, so getopt_long() does not see them. */
static const char environment_prefix[] = "--environment.";

/* Fills `longs` and `names` (both ended) with what the command takes. */
static void list_options(const struct command *command, struct option *longs, const char **names)
{
    size_t count = 0;

    longs[count++] = (struct option){"help", no_argument, NULL, VALUE_HELP};
    for (const struct cli_option *o = command->options; o != NULL && o->name != NULL; o++) {
        int argument = o->argument != NULL ? required_argument : no_argument;
        longs[count++] = (struct option){o->name, argument, NULL, VALUE_OPTION + (int)o->index};
    }
    for (int i = 0; command->settings && i < SETTING_COUNT; i++)
        longs[count++] = (struct option){setting_names[i], required_argument, NULL, VALUE_SETTING + i};
    longs[count] = (struct option){0};
    for (size_t i = 0; i <= count; i++)
        names[i] = longs[i].name;
}

static int unknown_option(const char *typed, const struct command *command, const char **names,
                          struct error *err)
{
    char name[80];
    if (strncmp(typed, "--", 2) != 0)
        return error_set(err, 0, "unknown option \"%.64s\"; options are long: see \"hatchery %s --help\"",
                         typed, command->name);
    snprintf(name, sizeof name, "%.*s", (int)strcspn(typed + 2, "="), typed + 2);
    const char *near = suggest(name, names);
    for (size_t i = 0; near == NULL && name[0] != '\0' && names[i] != NULL; i++)
        if (strncmp(names[i], name, strlen(name)) == 0)
            near = names[i];
    if (near != NULL)
        return error_set(err, 0, "unknown option \"--%s\"; did you mean \"--%s\"?", name, near);
    return error_set(err, 0, "unknown option \"--%s\"; \"hatchery %s --help\" lists them", name,
                     command->name);
}

/* getopt_long() takes unique abbreviations; a script that uses one would break with the next setting. */
static bool is_abbreviated(char **argv, const struct option *option)
{
    const char *typed = argv[optind - 1];
    if (option->has_arg == required_argument && optarg == argv[optind - 1])
        typed = argv[optind - 2];
    return strcspn(typed + 2, "=") != strlen(option->name);
}

/* Takes the settings of environments out of argv, so that getopt_long() does not see them. */
static int take_environment_settings(struct options *options, int *argc, char **argv, struct error *err)
{
    const size_t dashes = 2;
    int kept = 1, i = 1;
    for (; i < *argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], environment_prefix, sizeof environment_prefix - 1) != 0) {
            argv[kept++] = argv[i];
            continue;
        }
        char *name = argv[i] + dashes, *equals = strchr(name, '=');
        if (equals != NULL)
            *equals = '\0';
        else if (i + 1 == *argc)
            return error_set(err, 0, "option \"%.64s\" needs a value; give %.64s=VALUE", argv[i], argv[i]);
        options->settings[options->setting_count].name = name;
        options->settings[options->setting_count++].value = equals != NULL ? equals + 1 : argv[++i];
    }
    while (i < *argc)
        argv[kept++] = argv[i++];
    argv[kept] = NULL;
    *argc = kept;
    return 0;
}

int options_parse(struct options *options, const struct command *command, int argc, char **argv,
                  struct error *err)
{
    struct option longs[LONGS_MAX];
    const char *names[LONGS_MAX];
    int value, which = 0;

    memset(options, 0, sizeof *options);
    options->command = command;
    options->settings = calloc((size_t)argc + 1, sizeof *options->settings);
    if (options->settings == NULL)
        return error_set(err, errno, "command line");
    if (command->settings && take_environment_settings(options, &argc, argv, err) != 0)
        return -1;
    list_options(command, longs, names);
    opterr = 0;
    optind = 0; /* glibc: start anew */
    while ((value = getopt_long(argc, argv, command->operands_last ? "+:h" : ":h", longs, &which)) != -1) {
        if (value == 'h') {
            value = VALUE_HELP;
        } else if (value == ':') {
            return error_set(err, 0, "option \"%.64s\" needs a value; give %.64s=VALUE", argv[optind - 1],
                             argv[optind - 1]);
        } else if (value == '?') {
            if (optopt >= VALUE_HELP)
                return error_set(err, 0, "option \"%.64s\" takes no value", argv[optind - 1]);
            if (optopt != 0) {
                char typed[] = {'-', (char)optopt, '\0'};
                return unknown_option(typed, command, names, err);
            }
            return unknown_option(argv[optind - 1], command, names, err);
        } else if (is_abbreviated(argv, &longs[which])) {
            return unknown_option(optarg == argv[optind - 1] ? argv[optind - 2] : argv[optind - 1], command,
                                  names, err);
        }
        if (value == VALUE_HELP) {
            options->help = true;
        } else if (value >= VALUE_SETTING) {
            options->settings[options->setting_count].name = setting_names[value - VALUE_SETTING];
            options->settings[options->setting_count++].value = optarg;
        } else {
            options->values[value - VALUE_OPTION] = optarg != NULL ? optarg : "";
        }
    }
    options->operands = argv + optind;
    options->operand_count = argc - optind;
    return 0;
}

void options_free(struct options *options)
{
    free(options->settings);
    options->settings = NULL;
}

static int load_file(const char *file, struct config *config, struct error *err)
{
    if (file == NULL)
        file = getenv("HATCHERY_CONFIG");
    if (file == NULL) {
        if (access(default_file, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
            return 0;
        file = default_file;
    }
    return file[0] != '\0' ? config_read_file(config, file, err) : 0;
}

int options_load(const struct options *options, const char *file, struct config *config, struct error *err)
{
    config_init(config);
    if (options->command->log_level != NULL &&
        config_set(config, "log-level", options->command->log_level, err) != 0)
        return -1;
    if (load_file(file, config, err) != 0 || config_read_environment(config, err) != 0)
        return -1;
    for (size_t i = 0; i < options->setting_count; i++) {
        struct error inner;
        const char *name = options->settings[i].name;
        if (config_set(config, name, options->settings[i].value, &inner) != 0)
            return strchr(name, '.') != NULL ? error_set(err, 0, "--%s: %s", name, inner.text)
                                             : error_set(err, 0, "--%s", inner.text);
    }
    return config_finish(config, err);
}

void options_init_log(const struct config *config, const char *role)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    enum log_level least = LOG_INFO;
    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++)
        if (strcmp(config->log_level, names[i]) == 0)
            least = (enum log_level)i;
    log_init(role, least, strcmp(config->log_format, "json") == 0);
}
