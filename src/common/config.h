/* config.h: the service's settings, one struct filled from one table (settings.def). */
#pragma once

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CONFIG_TYPE_STRING char *
#define CONFIG_TYPE_INT int64_t
#define CONFIG_TYPE_SIZE int64_t
#define CONFIG_TYPE_SECONDS double
#define CONFIG_TYPE_BOOL bool

/* The settings that an environment can have of its own, numbered. */
enum config_of_environment {
#define SETTING(type, field, name, dflt, min, max, unit, text)
#define SETTING_ENV(type, field, name, dflt, min, max, unit, text) CONFIG_OF_ENVIRONMENT_##field,
#include "common/settings.def"
#undef SETTING
    CONFIG_OF_ENVIRONMENT_COUNT
};

enum { CONFIG_ENVIRONMENTS_MAX = 16, CONFIG_ENVIRONMENT_NAME_MAX = 32 };

/* An environment: a Python that programs run with. Complete after config_finish(): what was not given is as in struct
 * config, but for `preload`, which is then empty. */
struct config_environment {
    char name[CONFIG_ENVIRONMENT_NAME_MAX + 1];
    bool given[CONFIG_OF_ENVIRONMENT_COUNT];
#define SETTING(type, field, name, dflt, min, max, unit, text)
#define SETTING_ENV(type, field, name, dflt, min, max, unit, text) CONFIG_TYPE_##type field;
#include "common/settings.def"
#undef SETTING
};

struct config {
#define SETTING(type, field, name, dflt, min, max, unit, text) CONFIG_TYPE_##type field;
#include "common/settings.def"
#undef SETTING
    struct config_environment environments[CONFIG_ENVIRONMENTS_MAX]; /* [0] is "default", for requests that name none */
    size_t environment_count;
};

/* Fills `config` with the defaults. Strings belong to the struct; config_free() releases them. */
void config_init(struct config *config);
void config_free(struct config *config);

/* Sets one setting from text: "pool", or "environment.NAME.pool", which makes the environment if need be. The error names the setting, what is wrong with the value and what is right. */
int config_set(struct config *config, const char *name, const char *value, struct error *err);

/* Reads a number of seconds as settings are read: digits with at most nine decimals, nothing else. 0, or -1. */
int config_parse_seconds(const char *text, double *seconds);

/* Reads a settings file ("name = value" lines, "[environment NAME]" above those of one environment, # comments). The error
 * names file and line. */
int config_read_file(struct config *config, const char *path, struct error *err);
int config_read_stream(struct config *config, FILE *stream, const char *path, struct error *err);

/* Reads HATCHERY_* from the environment; an unknown HATCHERY_ name is an error (HATCHERY_CONFIG is the file). */
int config_read_environment(struct config *config, struct error *err);

/* Checks what one value alone cannot show (default-timeout <= max-timeout, ...), resolves automatic values. */
int config_finish(struct config *config, struct error *err);

/* Writes every setting as a settings file that config_read_file() reads back to the same values. */
int config_dump(const struct config *config, FILE *out);

/* The same in a memory file, for another process of ours: close-on-exec, or -1 with errno; and back, finished. */
int config_to_memory(const struct config *config);
int config_write(const struct config *config, int fd); /* into one that there is: 0, or -1 with errno */
int config_from_memory(struct config *config, int fd, struct error *err);

/* Tells of each setting whose value is another one: "pool", "environment.NAME.pool", or "environment" for one that came or went. */
typedef void config_change(void *data, const char *name, const char *before, const char *after);
void config_compare(const struct config *before, const struct config *after, config_change *told, void *data);

/* The table's rows for --help and the man page. */
void config_help(FILE *out);
