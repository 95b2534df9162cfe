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

struct config {
#define SETTING(type, field, name, dflt, min, max, unit, text) CONFIG_TYPE_##type field;
#include "common/settings.def"
#undef SETTING
};

/* Fills `config` with the defaults. Strings belong to the struct; config_free() releases them. */
void config_init(struct config *config);
void config_free(struct config *config);

/* Sets one setting from text. The error names the setting, what is wrong with the value and what is right. */
int config_set(struct config *config, const char *name, const char *value, struct error *err);

/* Reads a number of seconds as settings are read: digits with at most nine decimals, nothing else. 0, or -1. */
int config_parse_seconds(const char *text, double *seconds);

/* Reads a settings file ("name = value" lines, # comments). The error names file and line. */
int config_read_file(struct config *config, const char *path, struct error *err);
int config_read_stream(struct config *config, FILE *stream, const char *path, struct error *err);

/* Reads HATCHERY_* from the environment; an unknown HATCHERY_ name is an error (HATCHERY_CONFIG is the file). */
int config_read_environment(struct config *config, struct error *err);

/* Checks what one value alone cannot show (default-timeout <= max-timeout, ...), resolves automatic values. */
int config_finish(struct config *config, struct error *err);

/* Writes every setting as a settings file that config_read_file() reads back to the same values. */
int config_dump(const struct config *config, FILE *out);

/* The table's rows for --help and the man page. */
void config_help(FILE *out);
