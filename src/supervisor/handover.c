/* handover.c: see handover.h. The description goes in an environment variable, the descriptors by their numbers. */
#include "supervisor/handover.h"

#include "broker/seat.h"
#include "common/clock.h"
#include "common/log.h"
#include "supervisor/manager.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HANDOVER_TEXT_MAX = 1024 };
#define HANDOVER_VARIABLE "_HATCHERY_HANDOVER"

static void keep_open(int fd)
{
    if (fd >= 0)
        fcntl(fd, F_SETFD, 0);
}

void hand_over(struct supervisor *s)
{
    char text[HANDOVER_TEXT_MAX];
    int n = snprintf(text, sizeof text, "listen=%d control=%d settings=%d given=%d inner=%d proc-masked=%d first-uid=%lld serial=%u restarts=%llu current=%d",
                     s->listen, s->control, s->settings, s->given, s->inner, s->proc_masked, (long long)s->first_uid, s->serial,
                     (unsigned long long)s->restarts, (int)(s->current - s->generations));
    keep_open(s->listen);
    keep_open(s->control);
    keep_open(s->settings);
    for (int i = 0; i < GENERATIONS_MAX; i++) {
        const struct generation *g = &s->generations[i];
        if (g->pid == 0)
            continue;
        n += snprintf(text + n, sizeof text - (size_t)n, " pid%d=%d fd%d=%d serial%d=%u pongs%d=%d", i, (int)g->pid, i, g->control, i, g->serial, i,
                      g->pongs);
        keep_open(g->control);
    }
    setenv(HANDOVER_VARIABLE, text, 1);
    manager_hand_on();
    execv(s->path, s->what->argv);
    log_event(LOG_ERROR, "supervisor.stays", LOG_S("reason", strerror(errno))); /* the descriptors: each exec of ours says which it wants */
    unsetenv(HANDOVER_VARIABLE);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
}

bool supervisor_is_successor(void)
{
    return getenv(HANDOVER_VARIABLE) != NULL;
}

int supervisor_old_settings(struct config *config, struct error *err)
{
    return config_from_memory(config, (int)seat_number(getenv(HANDOVER_VARIABLE), "settings", -1), err);
}

static int taken_over(const char *words, const char *name)
{
    const int fd = (int)seat_number(words, name, -1);
    if (fd >= 0)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

void take_over(struct supervisor *s)
{
    const char *words = getenv(HANDOVER_VARIABLE);
    s->listen = taken_over(words, "listen");
    s->control = taken_over(words, "control");
    s->settings = taken_over(words, "settings");
    s->given = seat_number(words, "given", 0) != 0;
    s->inner = seat_number(words, "inner", 0) != 0;
    s->proc_masked = seat_number(words, "proc-masked", 0) != 0;
    s->first_uid = seat_number(words, "first-uid", s->config->first_uid);
    s->serial = (unsigned)seat_number(words, "serial", 0);
    s->restarts = (uint64_t)seat_number(words, "restarts", 0);
    for (int i = 0; i < GENERATIONS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "pid%d", i);
        s->generations[i].pid = (pid_t)seat_number(words, name, 0);
        snprintf(name, sizeof name, "fd%d", i);
        s->generations[i].control = taken_over(words, name);
        snprintf(name, sizeof name, "serial%d", i);
        s->generations[i].serial = (unsigned)seat_number(words, name, 0);
        snprintf(name, sizeof name, "pongs%d", i);
        s->generations[i].pongs = seat_number(words, name, 0) != 0;
        s->generations[i].since = now_ns();
        s->generations[i].ready = true;
    }
    s->current = &s->generations[seat_number(words, "current", 0)];
    s->served = true;
    unsetenv(HANDOVER_VARIABLE);
    log_event(LOG_INFO, "supervisor.replaced", LOG_S("version", HATCHERY_VERSION), LOG_I("generation", s->current->serial));
}
