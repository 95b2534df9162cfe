/* environments.c: see environments.h. Runs in the front. An inventory comes from an environment's own interpreter, before
 * user code, but file names are anybody's: it is bounded, copied once, and must be UTF-8. The module that a program
 * lacks is read off what it printed, which is hostile: it is a word of bounded length that is looked up, nothing else. */
#include "front/environments.h"

#include "common/log.h"
#include "common/modules.h"
#include "front/buffer.h"
#include "front/json_in.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INVENTORY_MAX = 4 << 20, INVENTORY_STEP = 64 << 10, MODULE_MAX = 64, ERROR_TAIL = 1024 };

struct environments {
    const struct config *config;
    struct {
        bool warm;
        char python[sizeof((struct message_environment *)NULL)->python];
        uint32_t learnable; /* the modules of `learn` that are installed */
        struct message_learned learned;
        char *inventory; /* starts and ends with a line end; NULL: not known */
    } each[CONFIG_ENVIRONMENTS_MAX];
};

struct environments *environments_new(const struct config *config)
{
    struct environments *environments = calloc(1, sizeof *environments);
    if (environments != NULL)
        environments->config = config;
    return environments;
}

/* The whole file as text, the caller's; NULL when it is not what it should be. */
static char *read_inventory(int fd)
{
    struct buffer text;
    ssize_t n = 1;
    buffer_init(&text, INVENTORY_MAX);
    while (n > 0) {
        char *room = buffer_room(&text, INVENTORY_STEP);
        n = room != NULL ? pread(fd, room, INVENTORY_STEP, (off_t)text.size) : -1;
        text.size += n > 0 ? (size_t)n : 0;
    }
    if (n == 0 && text.size >= 2 && text.data[0] == '\n' && text.data[text.size - 1] == '\n' &&
        memchr(text.data, '\0', text.size) == NULL && utf8_valid(text.data, text.size) && buffer_byte(&text, '\0'))
        return text.data;
    log_event(LOG_WARN, "environment.no_inventory", LOG_S("reason", n < 0 ? strerror(errno) : "it is not what it should be"));
    buffer_free(&text);
    return NULL;
}

/* Which modules of `learn` there are. */
static uint32_t find_learnable(const struct environments *environments, size_t environment)
{
    const char *list = environments->config->environments[environment].learn, *name;
    char top[MODULE_MAX];
    size_t size;
    uint32_t found = 0;
    for (size_t i = 0; i < MODULES_MAX && modules_name(list, i, &name, &size); i++) {
        snprintf(top, sizeof top, "%.*s", (int)strcspn(name, ".,"), name);
        found |= environment_has_module(environments, environment, top) ? 1U << i : 0;
    }
    return found;
}

void environments_told(struct environments *environments, const struct message *message)
{
    const struct message_environment *state = &message->environment;
    if (state->head.slot >= environments->config->environment_count)
        return;
    environments->each[state->head.slot].warm = state->warm != 0;
    memcpy(environments->each[state->head.slot].python, state->python, sizeof state->python);
    environments->each[state->head.slot].python[sizeof state->python - 1] = '\0';
    char *inventory = message->fd_count == 1 ? read_inventory(message->fds[0]) : NULL;
    if (inventory == NULL)
        return;
    free(environments->each[state->head.slot].inventory);
    environments->each[state->head.slot].inventory = inventory;
    environments->each[state->head.slot].learnable = find_learnable(environments, state->head.slot);
}

void environments_learned(struct environments *environments, const struct message_learned *learned)
{
    if (learned->head.slot < environments->config->environment_count && learned->count <= LEARNED_MAX)
        environments->each[learned->head.slot].learned = *learned;
}

uint32_t environment_learnable(const struct environments *environments, size_t environment)
{
    return environments->config->learn_memory > 0 ? environments->each[environment].learnable : 0;
}

const struct message_learned *environment_learned(const struct environments *environments, size_t environment)
{
    return &environments->each[environment].learned;
}

bool environment_is_warm(const struct environments *environments, size_t environment)
{
    return environments->each[environment].warm;
}

const char *environment_python(const struct environments *environments, size_t environment)
{
    return environments->each[environment].python;
}

void environment_packages(const struct environments *environments, size_t environment,
                          void (*each)(void *data, const char *name, size_t name_size, const char *version, size_t version_size),
                          void *data)
{
    const char *line = environments->each[environment].inventory;
    for (line = line != NULL ? strstr(line, "\np ") : NULL; line != NULL; line = strstr(line, "\np ")) {
        line += 3;
        size_t name_size = strcspn(line, " \n");
        const char *version = line + name_size + (line[name_size] == ' ');
        each(data, line, name_size, version, strcspn(version, "\n"));
    }
}

bool environment_has_module(const struct environments *environments, size_t environment, const char *module)
{
    char line[MODULE_MAX + 8];
    const char *inventory = environments->each[environment].inventory;
    return inventory != NULL && snprintf(line, sizeof line, "\nm %s\n", module) < (int)sizeof line &&
           strstr(inventory, line) != NULL;
}

/* The top-level module of an uncaught ModuleNotFoundError's last line. False: it is something else. */
static bool missing_module(const struct output *error, char module[MODULE_MAX])
{
    static const char words[] = "ModuleNotFoundError: No module named '";
    char tail[ERROR_TAIL + 1];
    size_t size = output_tail(error, tail, ERROR_TAIL);
    while (size > 0 && tail[size - 1] == '\n')
        size--;
    tail[size] = '\0';
    char *line = strrchr(tail, '\n');
    line = line != NULL ? line + 1 : tail;
    if (strncmp(line, words, sizeof words - 1) != 0)
        return false;
    const char *name = line + sizeof words - 1;
    size_t n = 0;
    while (n < MODULE_MAX - 1 && (isalnum((unsigned char)name[n]) || name[n] == '_'))
        n++;
    if (n == 0 || (name[n] != '\'' && name[n] != '.'))
        return false;
    memcpy(module, name, n);
    module[n] = '\0';
    return true;
}

void environments_hint(const struct environments *environments, struct run *run, const struct message_run_ended *end)
{
    const struct config *config = environments->config;
    char module[MODULE_MAX];
    size_t used = 0;
    if (end->outcome != RUN_EXITED || end->exit_code != 1 || config->environment_count == 1 || !missing_module(&run->error, module) ||
        environment_has_module(environments, run->environment, module))
        return;
    for (size_t i = 0; i < config->environment_count; i++) {
        if (!environment_has_module(environments, i, module))
            continue;
        const char *separator = used == 0 ? "" : ",";
        if (used == 0)
            used = (size_t)snprintf(run->hint, sizeof run->hint, "The module \"%s\" is in the environment", module);
        int n = snprintf(run->hint + used, sizeof run->hint - used, "%s \"%s\"", separator, config->environments[i].name);
        if (n < 0 || (size_t)n >= sizeof run->hint - used) {
            run->hint[used] = '\0';
            return;
        }
        used += (size_t)n;
    }
}
