/* config_read.c: settings from a file and from the environment. Their texts are the administrator's. */
#include "common/config_table.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 8192 }; /* of a settings file */

static const char environment_prefix[] = "HATCHERY_";

/* Takes blanks off both ends, in place. */
static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t size = strlen(text);
    while (size > 0 && isspace((unsigned char)text[size - 1]))
        text[--size] = '\0';
    return text;
}

/* Where in a settings file a line stands. */
struct section {
    char environment[CONFIG_ENVIRONMENT_NAME_MAX + 2]; /* "": above the first section */
    bool seen[CONFIG_SETTING_COUNT];                   /* set by an earlier line of this section */
    bool opened[CONFIG_ENVIRONMENTS_MAX];              /* environments whose section has begun */
};

/* "[environment NAME]" */
static int open_section(struct config *config, char *line, struct section *section, struct error *err)
{
    static const char word[] = "environment";
    const size_t word_size = sizeof word - 1, size = strlen(line);
    if (size < 2 || line[size - 1] != ']')
        return error_set(err, 0, "\"%.64s\" is no section; write \"[environment NAME]\"", line);
    line[size - 1] = '\0';
    char *inside = trim(line + 1);
    if (strncmp(inside, word, word_size) != 0 || !isspace((unsigned char)inside[word_size]))
        return error_set(err, 0, "\"[%.64s]\" is no section; write \"[environment NAME]\"", inside);
    const char *name = trim(inside + word_size);
    struct config_environment *environment = config_environment_named(config, name, err);
    if (environment == NULL)
        return -1;
    bool *opened = &section->opened[environment - config->environments];
    if (*opened)
        return error_set(err, 0, "[environment %s]: a second time; keep one of the sections", name);
    *opened = true;
    snprintf(section->environment, sizeof section->environment, "%s", name);
    memset(section->seen, 0, sizeof section->seen);
    return 0;
}

static int read_line(struct config *config, char *line, struct section *section, struct error *err)
{
    char *name = trim(line);
    if (name[0] == '\0' || name[0] == '#')
        return 0;
    if (name[0] == '[')
        return open_section(config, name, section, err);
    char *equals = strchr(name, '=');
    if (equals == NULL)
        return error_set(err, 0, "\"%.64s\" is not a setting; write \"name = value\", or # before a comment",
                         name);
    *equals = '\0';
    name = trim(name);
    const struct setting *setting = config_find(name);
    if (setting != NULL && section->seen[setting - config_settings])
        return error_set(err, 0, "%s: set a second time; keep one of the lines", name);
    const char *value = trim(equals + 1);
    int result = section->environment[0] != '\0' ? config_set_of_environment(config, section->environment, name, value, err)
                                                 : config_set(config, name, value, err);
    if (result == 0 && setting != NULL)
        section->seen[setting - config_settings] = true;
    return result;
}

int config_read_stream(struct config *config, FILE *stream, const char *path, struct error *err)
{
    struct section section = {0};
    char line[LINE_MAX_BYTES];

    for (int number = 1; fgets(line, sizeof line, stream) != NULL; number++) {
        size_t size = strlen(line);
        bool whole = size > 0 && line[size - 1] == '\n';
        if (!whole && !feof(stream)) {
            /* a NUL byte hides the end of the line, or the line is longer than the buffer */
            error_set(err, 0, "the line is too long or holds a NUL byte; write \"name = value\"");
            return error_wrap(err, "%s:%d", path, number);
        }
        if (read_line(config, line, &section, err) != 0)
            return error_wrap(err, "%s:%d", path, number);
    }
    if (ferror(stream))
        return error_set(err, errno, "cannot read %s", path);
    return 0;
}

int config_read_file(struct config *config, const char *path, struct error *err)
{
    FILE *stream = fopen(path, "re");
    if (stream == NULL)
        return error_set(err, errno, "cannot open the settings file %s", path);
    int result = config_read_stream(config, stream, path, err);
    fclose(stream);
    return result;
}

/* "environment-data-limit-memory" > "environment.data.limit-memory": the name ends where a setting's name begins. */
static void dot_environment(char *name)
{
    static const char prefix[] = "environment-";
    const size_t prefix_size = sizeof prefix - 1, size = strlen(name);
    size_t longest = 0;
    if (strncmp(name, prefix, prefix_size) != 0)
        return;
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        size_t n = strlen(config_settings[i].name);
        if (config_settings[i].of_environment >= 0 && n > longest && size > prefix_size + n + 1 &&
            name[size - n - 1] == '-' && strcmp(name + size - n, config_settings[i].name) == 0)
            longest = n;
    }
    if (longest > 0)
        name[prefix_size - 1] = name[size - longest - 1] = '.';
}

int config_read_environment(struct config *config, struct error *err)
{
    const size_t prefix_size = sizeof environment_prefix - 1;

    for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
        if (strncmp(*entry, environment_prefix, prefix_size) != 0)
            continue;
        const char *equals = strchr(*entry, '=');
        size_t size = equals != NULL ? (size_t)(equals - *entry) - prefix_size : 0;
        char name[96];
        if (equals == NULL || size >= sizeof name)
            return error_set(err, 0, "environment: no setting is called \"%.80s\"", *entry);
        for (size_t i = 0; i < size; i++) {
            char c = (*entry)[prefix_size + i];
            name[i] = c == '_' ? '-' : (char)tolower((unsigned char)c);
        }
        name[size] = '\0';
        if (strcmp(name, "config") == 0)
            continue; /* names the settings file; whoever reads that file has used it */
        dot_environment(name);
        if (config_set(config, name, equals + 1, err) != 0)
            return error_wrap(err, "environment variable %.*s", (int)(prefix_size + size), *entry);
    }
    return 0;
}
