/* config_write.c: settings as text again: a settings file, a memory file for the next process, a list for --help; and what differs
 * between two of them. */
#include "common/config_table.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Numbers are written into `text`. */
static const char *format_value(const struct setting *setting, const void *value, char text[CONFIG_NUMBER_TEXT])
{
    switch (setting->type) {
    case TYPE_STRING:
        return *(char *const *)value;
    case TYPE_INT:
        snprintf(text, CONFIG_NUMBER_TEXT, "%lld", (long long)*(const int64_t *)value);
        break;
    case TYPE_SIZE:
        config_format_size(text, CONFIG_NUMBER_TEXT, *(const int64_t *)value);
        break;
    case TYPE_SECONDS:
        config_format_seconds(text, CONFIG_NUMBER_TEXT, *(const double *)value);
        break;
    case TYPE_BOOL:
        return *(const bool *)value ? "true" : "false";
    }
    return text;
}

static void dump_value(const struct setting *setting, const void *value, FILE *out)
{
    char text[CONFIG_NUMBER_TEXT];
    fprintf(out, "%s = %s\n", setting->name, format_value(setting, value, text));
}

static void dump_environment(const struct config *config, const struct config_environment *environment, FILE *out)
{
    bool any = environment != config->environments;
    for (size_t i = 0; i < CONFIG_OF_ENVIRONMENT_COUNT; i++)
        any = any || environment->given[i];
    if (!any) /* the default one, as the settings above have it */
        return;
    fprintf(out, "\n# what is not set here is as above, but for preload, which is then empty\n[environment %s]\n",
            environment->name);
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++)
        if (config_settings[i].of_environment >= 0 && environment->given[config_settings[i].of_environment])
            dump_value(&config_settings[i], config_value_of(&config_settings[i], environment), out);
}

int config_dump(const struct config *config, FILE *out)
{
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        fprintf(out, "# %s (%s)\n", config_settings[i].text, config_settings[i].unit);
        dump_value(&config_settings[i], config_member(&config_settings[i], (struct config *)config), out);
    }
    for (size_t i = 0; i < config->environment_count; i++)
        dump_environment(config, &config->environments[i], out);
    return fflush(out) == 0 && !ferror(out) ? 0 : -1;
}

static void compare_value(const struct setting *setting, const char *prefix, const void *before, const void *after,
                          config_change *told, void *data)
{
    char was[CONFIG_NUMBER_TEXT], is[CONFIG_NUMBER_TEXT], name[CONFIG_ENVIRONMENT_NAME_MAX + 64];
    const char *old = format_value(setting, before, was), *new = format_value(setting, after, is);
    snprintf(name, sizeof name, "%s%s", prefix, setting->name);
    if (strcmp(old, new) != 0)
        told(data, name, old, new);
}

static const struct config_environment *same_name(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->environment_count; i++)
        if (strcmp(config->environments[i].name, name) == 0)
            return &config->environments[i];
    return NULL;
}

static void compare_environment(const struct config_environment *before, const struct config_environment *after,
                                config_change *told, void *data)
{
    char prefix[CONFIG_ENVIRONMENT_NAME_MAX + 16];
    snprintf(prefix, sizeof prefix, "environment.%s.", after->name);
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        const int which = config_settings[i].of_environment;
        if (which >= 0 && (before->given[which] || after->given[which]))
            compare_value(&config_settings[i], prefix, config_value_of(&config_settings[i], before), config_value_of(&config_settings[i], after), told, data);
    }
}

void config_compare(const struct config *before, const struct config *after, config_change *told, void *data)
{
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++)
        compare_value(&config_settings[i], "", config_member(&config_settings[i], (struct config *)before), config_member(&config_settings[i], (struct config *)after), told, data);
    for (size_t i = 0; i < after->environment_count; i++) {
        const struct config_environment *environment = &after->environments[i], *old = same_name(before, environment->name);
        if (old == NULL)
            told(data, "environment", "", environment->name);
        else
            compare_environment(old, environment, told, data);
    }
    for (size_t i = 0; i < before->environment_count; i++)
        if (same_name(after, before->environments[i].name) == NULL)
            told(data, "environment", before->environments[i].name, "");
}

int config_write(const struct config *config, int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    FILE *out = copy >= 0 ? fdopen(copy, "w") : NULL;
    if (out == NULL) {
        if (copy >= 0)
            close(copy);
        return -1;
    }
    int result = config_dump(config, out);
    return fclose(out) == 0 ? result : -1;
}

int config_to_memory(const struct config *config)
{
    int fd = memfd_create("settings", MFD_CLOEXEC);
    if (fd < 0 || config_write(config, fd) == 0)
        return fd;
    close(fd);
    return -1;
}

int config_from_memory(struct config *config, int fd, struct error *err)
{
    config_init(config);
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    FILE *stream = copy >= 0 && lseek(copy, 0, SEEK_SET) == 0 ? fdopen(copy, "r") : NULL;
    if (stream == NULL) {
        error_set(err, errno, "settings");
        if (copy >= 0)
            close(copy);
        return -1;
    }
    int result = config_read_stream(config, stream, "settings", err);
    fclose(stream);
    return result == 0 ? config_finish(config, err) : -1;
}

void config_help(FILE *out)
{
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++)
        fprintf(out, "  --%s=%s%s\n        %s [%s]\n", config_settings[i].name, config_settings[i].unit,
                config_settings[i].of_environment >= 0 ? "  *" : "", config_settings[i].text, config_settings[i].dflt);
}
