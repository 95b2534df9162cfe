/* config_table.h: the table of settings as data, for config.c, which keeps it, config_read.c, which fills it, and config_write.c,
 * which makes text of it again. */
#pragma once

#include "common/config.h"

#include <stddef.h>

enum { CONFIG_NUMBER_TEXT = 400 }; /* bytes: "%.9f" of any double fits */

enum setting_type { TYPE_STRING, TYPE_INT, TYPE_SIZE, TYPE_SECONDS, TYPE_BOOL };

struct setting {
    enum setting_type type;
    size_t offset;
    const char *name, *dflt;
    double min, max;
    const char *unit, *text;
    int of_environment; /* enum config_of_environment; -1: it is the service's alone */
    size_t environment_offset;
};

enum {
#define SETTING(type_, field_, name_, dflt_, min_, max_, unit_, text_) CONFIG_SETTING_##field_,
#include "common/settings.def"
#undef SETTING
    CONFIG_SETTING_COUNT
};

extern const struct setting config_settings[CONFIG_SETTING_COUNT];

/* NULL: no setting has this name. */
const struct setting *config_find(const char *name);

/* The environment, which is made if it is not there; NULL with `err`: the name is none, or there are too many. */
struct config_environment *config_environment_named(struct config *config, const char *name, struct error *err);

/* One setting of one environment, from text. */
int config_set_of_environment(struct config *config, const char *environment_name, const char *name, const char *value,
                              struct error *err);

/* Where a setting's value is. */
void *config_member(const struct setting *setting, struct config *config);
void *config_member_of_environment(const struct setting *setting, struct config_environment *environment);
void *config_value_of(const struct setting *setting, const struct config_environment *environment);

/* As they are read: "512M", "0.5". */
void config_format_size(char *text, size_t size, int64_t bytes);
void config_format_seconds(char *text, size_t size, double seconds);
