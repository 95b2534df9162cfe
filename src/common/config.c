/* config.c: see config.h. The broker and the command line read settings with it; the front reads the broker's dump.
 * Every message names the setting, what is wrong with the value and what would be right. */
#include "common/config_table.h"

#include "common/config_access.h"
#include "common/machine.h"
#include "common/modules.h"
#include "common/suggest.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SECONDS_DECIMALS = 9,    /* nanoseconds */
    SHOWN_VALUE_BYTES = 80,  /* of a wrong value in a message */
};

const struct setting config_settings[CONFIG_SETTING_COUNT] = {
#define SETTING(type_, field_, name_, dflt_, min_, max_, unit_, text_) \
    {TYPE_##type_, offsetof(struct config, field_), name_, dflt_, min_, max_, unit_, text_, -1, 0},
#define SETTING_ENV(type_, field_, name_, dflt_, min_, max_, unit_, text_)                         \
    {TYPE_##type_, offsetof(struct config, field_), name_, dflt_, min_, max_, unit_, text_,        \
     CONFIG_OF_ENVIRONMENT_##field_, offsetof(struct config_environment, field_)},
#include "common/settings.def"
#undef SETTING
};

static const char *const setting_names[] = {
#define SETTING(type_, field_, name_, dflt_, min_, max_, unit_, text_) name_,
#include "common/settings.def"
#undef SETTING
    NULL,
};

/* --- values ------------------------------------------------------------------------------------------------ */

const struct setting *config_find(const char *name)
{
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++)
        if (strcmp(config_settings[i].name, name) == 0)
            return &config_settings[i];
    return NULL;
}

void *config_member(const struct setting *setting, struct config *config)
{
    return (char *)config + setting->offset;
}

void *config_member_of_environment(const struct setting *setting, struct config_environment *environment)
{
    return (char *)environment + setting->environment_offset;
}

/* "64M" where the number is a whole multiple, else plain bytes. */
void config_format_size(char *text, size_t size, int64_t bytes)
{
    static const char suffixes[] = "TGMK";
    for (int i = 0; suffixes[i] != '\0'; i++) {
        int64_t unit = INT64_C(1) << (10 * (4 - i));
        if (bytes != 0 && bytes % unit == 0) {
            snprintf(text, size, "%lld%c", (long long)(bytes / unit), suffixes[i]);
            return;
        }
    }
    snprintf(text, size, "%lld", (long long)bytes);
}

void config_format_seconds(char *text, size_t size, double seconds)
{
    int length = snprintf(text, size, "%.*f", SECONDS_DECIMALS, seconds);
    while (length > 0 && text[length - 1] == '0')
        text[--length] = '\0';
    if (length > 0 && text[length - 1] == '.')
        text[--length] = '\0';
}

static void format_bound(const struct setting *setting, char *text, size_t size, double bound)
{
    if (setting->type == TYPE_SIZE)
        config_format_size(text, size, (int64_t)bound);
    else
        config_format_seconds(text, size, bound);
}

/* `right` says what would be right; the value is shown, cut and without control characters. */
static int bad_value(struct error *err, const struct setting *setting, const char *value, const char *wrong,
                     const char *right)
{
    char shown[SHOWN_VALUE_BYTES + 4];
    size_t n = 0;
    for (; n < SHOWN_VALUE_BYTES && value[n] != '\0'; n++)
        shown[n] = iscntrl((unsigned char)value[n]) ? '?' : value[n];
    strcpy(shown + n, value[n] != '\0' ? "..." : "");
    return error_set(err, 0, "%s: \"%s\" %s; %s", setting->name, shown, wrong, right);
}

static int bad_number(struct error *err, const struct setting *setting, const char *value, const char *wrong)
{
    char low[CONFIG_NUMBER_TEXT], high[CONFIG_NUMBER_TEXT], right[2 * CONFIG_NUMBER_TEXT + 128];
    format_bound(setting, low, sizeof low, setting->min);
    format_bound(setting, high, sizeof high, setting->max);
    const char *kind = setting->type == TYPE_SIZE      ? "a number of bytes, or a number with K, M, G or T,"
                       : setting->type == TYPE_SECONDS ? "a decimal number such as 2.5"
                                                       : "a whole number";
    snprintf(right, sizeof right, "give %s from %s to %s", kind, low, high);
    return bad_value(err, setting, value, wrong, right);
}

/* Digits only, then at most one of K, M, G, T where `suffixes`. 0, or -1 with errno EINVAL or ERANGE. */
static int parse_whole(const char *text, bool suffixes, int64_t *number)
{
    int64_t n = 0;
    const char *p = text;

    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *p - '0', &n))
            return errno = ERANGE, -1;
    if (p == text)
        return errno = EINVAL, -1;
    if (suffixes && *p != '\0') {
        static const char letters[] = "KMGT";
        const char *letter = strchr(letters, toupper((unsigned char)*p));
        if (letter == NULL || p[1] != '\0')
            return errno = EINVAL, -1;
        if (__builtin_mul_overflow(n, INT64_C(1) << (10 * (letter - letters + 1)), &n))
            return errno = ERANGE, -1;
    } else if (*p != '\0') {
        return errno = EINVAL, -1;
    }
    *number = n;
    return 0;
}

/* Digits with at most one point and nine decimals: no sign, exponent, "inf" or "nan", and no locale. */
int config_parse_seconds(const char *text, double *number)
{
    size_t whole = strspn(text, "0123456789");
    size_t decimals = text[whole] == '.' ? strspn(text + whole + 1, "0123456789") : 0;
    size_t used = whole + (text[whole] == '.' ? 1 + decimals : 0);
    if (whole == 0 || whole > 15 || text[used] != '\0' || decimals > SECONDS_DECIMALS ||
        (text[whole] == '.' && decimals == 0))
        return -1;
    double n = 0, scale = 1;
    for (const char *p = text; *p != '\0'; p++)
        if (*p != '.')
            n = n * 10 + (*p - '0');
    for (size_t i = 0; i < decimals; i++)
        scale *= 10;
    *number = n / scale;
    return 0;
}

static int set_whole(const struct setting *setting, int64_t *out, const char *value, struct error *err)
{
    int64_t n;
    const char *kind = setting->type == TYPE_SIZE ? "is not a size" : "is not a whole number";
    if (parse_whole(value, setting->type == TYPE_SIZE, &n) != 0)
        return bad_number(err, setting, value, errno == ERANGE ? "is too large" : kind);
    if ((double)n < setting->min || (double)n > setting->max)
        return bad_number(err, setting, value, (double)n < setting->min ? "is too small" : "is too large");
    *out = n;
    return 0;
}

static int set_seconds(const struct setting *setting, double *out, const char *value, struct error *err)
{
    double n;
    if (config_parse_seconds(value, &n) != 0)
        return bad_number(err, setting, value, "is not a number");
    if (n < setting->min || n > setting->max)
        return bad_number(err, setting, value, n < setting->min ? "is too small" : "is too large");
    *out = n;
    return 0;
}

static int set_bool(const struct setting *setting, bool *out, const char *value, struct error *err)
{
    static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no", "off", "0"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (strcmp(value, yes[i]) == 0 || strcmp(value, no[i]) == 0) {
            *out = strcmp(value, yes[i]) == 0;
            return 0;
        }
    }
    return bad_value(err, setting, value, "is neither true nor false", "give true or false");
}

/* A unit such as "text|json" lists the words that the setting takes. */
static bool is_one_of(const char *words, const char *value)
{
    size_t size = strlen(value);
    for (const char *word = words; word != NULL; word = strchr(word, '|')) {
        if (*word == '|')
            word++;
        if (strcspn(word, "|") == size && strncmp(word, value, size) == 0)
            return true;
    }
    return false;
}

static int set_string(const struct setting *setting, char **out, const char *value, struct error *err)
{
    size_t size = strlen(value);
    for (size_t i = 0; i < size; i++)
        if (iscntrl((unsigned char)value[i]))
            return bad_value(err, setting, value, "holds a control character", "give one line of plain text");
    if (size > 0 && (isspace((unsigned char)value[0]) || isspace((unsigned char)value[size - 1])))
        return bad_value(err, setting, value, "starts or ends with a blank", "leave the blank out");
    if (strchr(setting->unit, '|') != NULL && !is_one_of(setting->unit, value)) {
        char right[128];
        snprintf(right, sizeof right, "give one of %s", setting->unit);
        return bad_value(err, setting, value, "is not known", right);
    }
    char *copy = strdup(value);
    if (copy == NULL)
        return error_set(err, errno, "%s", setting->name);
    free(*out);
    *out = copy;
    return 0;
}

static int set(const struct setting *setting, void *out, const char *value, struct error *err)
{
    switch (setting->type) {
    case TYPE_STRING:
        return set_string(setting, out, value, err);
    case TYPE_INT:
    case TYPE_SIZE:
        return set_whole(setting, out, value, err);
    case TYPE_SECONDS:
        return set_seconds(setting, out, value, err);
    case TYPE_BOOL:
        return set_bool(setting, out, value, err);
    }
    return error_set(err, EINVAL, "%s", setting->name);
}

static int unknown(const char *name, struct error *err)
{
    const char *near = suggest(name, setting_names);
    return error_set(err, 0, "no setting is called \"%.64s\"%s%s%s", name,
                     near != NULL ? "; did you mean \"" : "",
                     near != NULL ? near : "; \"hatchery help settings\" lists them",
                     near != NULL ? "\"?" : "");
}

/* --- environments ------------------------------------------------------------------------------------------- */

static bool is_environment_name(const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)name[i] >= 0x80 ||
            !(isalnum((unsigned char)name[i]) || (i > 0 && strchr("._-", name[i]) != NULL)))
            return false;
    return size > 0 && size <= CONFIG_ENVIRONMENT_NAME_MAX;
}

/* The environment of that name, made if need be. NULL with `err`. */
struct config_environment *config_environment_named(struct config *config, const char *name, struct error *err)
{
    for (size_t i = 0; i < config->environment_count; i++)
        if (strcmp(config->environments[i].name, name) == 0)
            return &config->environments[i];
    if (!is_environment_name(name)) {
        error_set(err, 0, "\"%.64s\" is no name of an environment; give letters, digits, \".\", \"_\" and \"-\", at most %d",
                  name, CONFIG_ENVIRONMENT_NAME_MAX);
        return NULL;
    }
    if (config->environment_count == CONFIG_ENVIRONMENTS_MAX) {
        error_set(err, 0, "environment %s: there can be %d environments, and there are already", name,
                  CONFIG_ENVIRONMENTS_MAX);
        return NULL;
    }
    struct config_environment *environment = &config->environments[config->environment_count++];
    strcpy(environment->name, name);
    return environment;
}

int config_set_of_environment(struct config *config, const char *environment_name, const char *name,
                              const char *value, struct error *err)
{
    const struct setting *setting = config_find(name);
    struct config_environment *environment = config_environment_named(config, environment_name, err);
    if (environment == NULL)
        return -1;
    if (setting == NULL)
        return unknown(name, err);
    if (setting->of_environment < 0)
        return error_set(err, 0, "%s: is for all environments; write it above the first \"[environment ...]\"", name);
    if (set(setting, config_member_of_environment(setting, environment), value, err) != 0)
        return -1;
    environment->given[setting->of_environment] = true;
    return 0;
}

/* "environment.NAME.SETTING", where NAME may hold dots and SETTING does not. NULL: it is none. */
static const char *split_environment(const char *name, char environment[CONFIG_ENVIRONMENT_NAME_MAX + 2])
{
    static const char prefix[] = "environment.";
    const size_t prefix_size = sizeof prefix - 1;
    const char *dot = strrchr(name, '.');
    if (strncmp(name, prefix, prefix_size) != 0 || dot < name + prefix_size)
        return NULL;
    snprintf(environment, CONFIG_ENVIRONMENT_NAME_MAX + 2, "%.*s", (int)(dot - name - (ptrdiff_t)prefix_size),
             name + prefix_size);
    return dot + 1;
}

void *config_value_of(const struct setting *setting, const struct config_environment *environment)
{
    return config_member_of_environment(setting, (struct config_environment *)environment);
}

static size_t value_size(const struct setting *setting)
{
    return setting->type == TYPE_SECONDS ? sizeof(double) : setting->type == TYPE_BOOL ? sizeof(bool) : sizeof(int64_t);
}

/* What an environment was not given it takes from the service's settings. */
static int complete_environment(struct config *config, struct config_environment *environment, struct error *err)
{
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        const struct setting *setting = &config_settings[i];
        if (setting->of_environment < 0 || environment->given[setting->of_environment])
            continue;
        void *out = config_member_of_environment(setting, environment);
        if (setting->type != TYPE_STRING) {
            memcpy(out, config_member(setting, config), value_size(setting));
            continue;
        }
        bool inherited = setting->of_environment != CONFIG_OF_ENVIRONMENT_preload || environment == config->environments;
        char *copy = strdup(inherited ? *(char **)config_member(setting, config) : "");
        if (copy == NULL)
            return error_set(err, errno, "environment %s", environment->name);
        free(*(char **)out);
        *(char **)out = copy;
    }
    return 0;
}

int config_set(struct config *config, const char *name, const char *value, struct error *err)
{
    char environment[CONFIG_ENVIRONMENT_NAME_MAX + 2];
    const struct setting *setting = config_find(name);
    const char *own = split_environment(name, environment);
    if (own != NULL)
        return config_set_of_environment(config, environment, own, value, err);
    return setting != NULL ? set(setting, config_member(setting, config), value, err) : unknown(name, err);
}

void config_init(struct config *config)
{
    struct error err;
    memset(config, 0, sizeof *config);
    strcpy(config->environments[0].name, "default");
    config->environment_count = 1;
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        if (set(&config_settings[i], config_member(&config_settings[i], config), config_settings[i].dflt, &err) != 0) {
            fprintf(stderr, "hatchery: settings.def: %s\n", err.text);
            abort();
        }
    }
}

void config_free(struct config *config)
{
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        if (config_settings[i].type != TYPE_STRING)
            continue;
        free(*(char **)config_member(&config_settings[i], config));
        for (size_t e = 0; e < config->environment_count && config_settings[i].of_environment >= 0; e++)
            free(*(char **)config_member_of_environment(&config_settings[i], &config->environments[e]));
    }
    memset(config, 0, sizeof *config);
}

/* --- rules that need more than one value, and automatic values ---------------------------------------------- */

/* As many runs as the processors are good for, but no more than fit into the memory with all of their limits used up: a run
 * must meet its own limit before the machine's, or the container's, ends somebody else. */
static int64_t automatic_concurrency(const struct config *config)
{
    enum { LEAST = 4, PER_CORE = 2 };
    const int64_t service_bytes = 64 << 20, ready_bytes = 4 << 20;
    int64_t runs = PER_CORE * machine_cores(), kept = service_bytes, largest = config->environments[0].limit_memory;
    if (runs < LEAST)
        runs = LEAST;
    for (size_t i = 0; i < config->environment_count; i++) {
        const struct config_environment *environment = &config->environments[i];
        kept += environment->pool * ready_bytes;
        largest = environment->limit_memory > largest ? environment->limit_memory : largest;
    }
    const int64_t fit = (machine_memory() - kept) / largest;
    runs = fit < runs ? fit : runs;
    runs = runs < 1 ? 1 : runs;
    return runs > (int64_t)config_find("concurrency")->max ? (int64_t)config_find("concurrency")->max : runs;
}

/* HOST:PORT, where HOST is an address or a name, in brackets when it is IPv6. */
static int check_listen(const char *listen, struct error *err)
{
    const char *colon = strrchr(listen, ':');
    int64_t port = -1;
    bool bracketed = listen[0] == '[' && colon != NULL && colon > listen + 2 && colon[-1] == ']';
    bool plain = listen[0] != '[' && colon != NULL && colon != listen && strchr(listen, ':') == colon;

    if ((bracketed || plain) && parse_whole(colon + 1, false, &port) == 0 && port <= 65535)
        return 0;
    return error_set(
        err, 0,
        "listen: \"%.80s\" is not an address; give HOST:PORT such as 127.0.0.1:8000 or [::1]:8000, "
        "with a port from 0 to 65535",
        listen);
}

/* "json, re" is "json,re". */
static void drop_blanks_at_commas(char *text)
{
    char *out = text;
    for (char *p = text; *p != '\0'; p++) {
        size_t blanks = strspn(p, " ");
        if (blanks > 0 && (p[blanks] == ',' || (out > text && out[-1] == ',')))
            p += blanks;
        if (*p == '\0')
            break;
        *out++ = *p;
    }
    *out = '\0';
}

static int check_modules(const char *setting, const char *list, struct error *err)
{
    bool start = true; /* of a module's name, or of a part of it */
    for (const char *p = list; *p != '\0'; p++) {
        bool letter = isalpha((unsigned char)*p) || *p == '_' || (unsigned char)*p >= 0x80;
        bool separator = *p == ',' || *p == '.';
        if (!(letter || (!start && (separator || isdigit((unsigned char)*p)))) || (separator && p[1] == '\0'))
            return error_set(
                err, 0,
                "%s: \"%.80s\" is not a list of modules; give names separated by commas, such as "
                "numpy,os.path",
                setting, list);
        start = separator;
    }
    return 0;
}

static int finish_environment(struct config *config, struct config_environment *environment, struct error *err)
{
    if (complete_environment(config, environment, err) != 0)
        return -1;
    drop_blanks_at_commas(environment->preload);
    drop_blanks_at_commas(environment->learn);
    int result = check_modules("preload", environment->preload, err);
    if (result == 0)
        result = check_modules("learn", environment->learn, err);
    if (result == 0 && modules_count(environment->learn) > MODULES_MAX)
        result = error_set(err, 0, "learn: it names %zu modules; give at most %d", modules_count(environment->learn), MODULES_MAX);
    if (result == 0 && environment->python[0] != '/')
        result = error_set(err, 0,
                           "python: \"%.80s\" is not an absolute path; give one such as /usr/bin/python3",
                           environment->python);
    return result != 0 && environment != config->environments ? error_wrap(err, "environment %s", environment->name) : result;
}

/* More than may run at the same time need not be ready, unless somebody asks for it. */
static int finish_pool(const struct config *config, struct config_environment *environment, struct error *err)
{
    if (environment == config->environments && environment->pool == 0)
        return error_set(err, 0, "pool: the default environment is always there; give at least 1");
    if (environment->pool_max != 0 && environment->pool_max < environment->pool) {
        error_set(err, 0, "pool-max: %lld is less than pool (%lld); give at least that, or 0", (long long)environment->pool_max,
                  (long long)environment->pool);
        return environment != config->environments ? error_wrap(err, "environment %s", environment->name) : -1;
    }
    if (environment->pool_max == 0)
        environment->pool_max = config->concurrency > environment->pool ? config->concurrency : environment->pool;
    return 0;
}

int config_finish(struct config *config, struct error *err)
{
    drop_blanks_at_commas(config->preload);
    drop_blanks_at_commas(config->learn);
    if (check_listen(config->listen, err) != 0 || config_check_access(config, err) != 0)
        return -1;
    for (size_t i = 0; i < config->environment_count; i++)
        if (finish_environment(config, &config->environments[i], err) != 0)
            return -1;
    if (config->default_timeout > config->max_timeout)
        return error_set(
            err, 0, "default-timeout: %g s is more than max-timeout (%g s); lower one or raise the other",
            config->default_timeout, config->max_timeout);
    if (config->concurrency == 0)
        config->concurrency = automatic_concurrency(config);
    for (size_t i = 0; i < config->environment_count; i++)
        if (finish_pool(config, &config->environments[i], err) != 0)
            return -1;
    return 0;
}
