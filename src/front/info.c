/* info.c: see info.h. Runs in the front. */
#include "front/info.h"

#include "common/modules.h"
#include "front/json_out.h"

#include <string.h>

static void write_text(struct buffer *out, const char *text)
{
    json_write_string(out, text, strlen(text));
}

/* "a,b" > ["a","b"] */
static void write_list(struct buffer *out, const char *names)
{
    buffer_byte(out, '[');
    while (*names != '\0') {
        size_t size = strcspn(names, ",");
        json_write_string(out, names, size);
        names += size + (names[size] == ',');
        if (*names != '\0')
            buffer_byte(out, ',');
    }
    buffer_byte(out, ']');
}

struct package_list {
    struct buffer *out;
    bool any;
};

static void write_package(void *data, const char *name, size_t name_size, const char *version, size_t version_size)
{
    struct package_list *list = data;
    buffer_text(list->out, list->any ? ",{\"name\":" : "{\"name\":");
    list->any = true;
    json_write_string(list->out, name, name_size);
    buffer_text(list->out, ",\"version\":");
    json_write_string(list->out, version, version_size);
    buffer_byte(list->out, '}');
}

static void write_limits(struct buffer *out, const struct config_environment *environment)
{
    buffer_text(out, "{\"cpu_time\":");
    if (environment->limit_cpu_time > 0)
        json_write_double(out, environment->limit_cpu_time);
    else
        buffer_text(out, "null");
    buffer_text(out, ",\"cpus\":");
    json_write_double(out, environment->limit_cpus);
    buffer_format(out, ",\"memory\":%lld,\"processes\":%lld,\"output\":%lld,\"workspace\":%lld,\"files\":%lld,\"open_files\":%lld}",
                  (long long)environment->limit_memory, (long long)environment->limit_processes,
                  (long long)environment->limit_output, (long long)environment->limit_workspace,
                  (long long)environment->limit_files, (long long)environment->limit_open_files);
}

static void write_learned(struct buffer *out, const char *list, const struct message_learned *learned)
{
    char names[1024];
    for (uint32_t i = 0, written = 0; i < LEARNED_MAX; i++) {
        if (learned->needs[i] == 0)
            continue;
        modules_text(list, learned->has[i], names, sizeof names);
        buffer_text(out, written++ > 0 ? ",{\"modules\":" : "{\"modules\":");
        write_list(out, names);
        buffer_format(out, ",\"memory\":%llu}", (unsigned long long)learned->bytes[i]);
    }
}

static void write_environment(struct buffer *out, const struct config *config, const struct environments *environments, size_t i)
{
    const struct config_environment *environment = &config->environments[i];
    struct package_list packages = {.out = out};
    const char *python = environment_python(environments, i);

    buffer_text(out, "{\"name\":");
    write_text(out, environment->name);
    buffer_format(out, ",\"ready\":%s,\"python\":", environment_is_warm(environments, i) ? "true" : "false");
    if (python[0] != '\0')
        write_text(out, python);
    else
        buffer_text(out, "null");
    buffer_text(out, ",\"preloaded\":");
    write_list(out, environment->preload);
    buffer_text(out, ",\"learned\":[");
    write_learned(out, environment->learn, environment_learned(environments, i));
    buffer_text(out, "],\"packages\":[");
    environment_packages(environments, i, write_package, &packages);
    buffer_text(out, "],\"limits\":");
    write_limits(out, environment);
    buffer_byte(out, '}');
}

void info_write(struct buffer *out, const struct config *config, const struct environments *environments, const char *isolation)
{
    buffer_text(out, "{\"version\":\"" HATCHERY_VERSION "\",\"environments\":[");
    for (size_t i = 0; i < config->environment_count; i++) {
        if (i > 0)
            buffer_byte(out, ',');
        write_environment(out, config, environments, i);
    }
    buffer_text(out, "],\"default_timeout\":");
    json_write_double(out, config->default_timeout);
    buffer_text(out, ",\"max_timeout\":");
    json_write_double(out, config->max_timeout);
    buffer_text(out, ",\"isolation\":");
    buffer_text(out, isolation);
    buffer_format(out, ",\"max_body\":%lld,\"concurrency\":%lld,\"queue\":%lld}", (long long)config->max_body,
                  (long long)config->concurrency, (long long)config->queue);
}
