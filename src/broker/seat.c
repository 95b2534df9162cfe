/* seat.c: see seat.h. Runs in the supervisor and in the broker, who trust each other. */
#include "broker/seat.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int64_t seat_number(const char *words, const char *name, int64_t otherwise)
{
    const size_t size = strlen(name);
    for (const char *p = words; p != NULL; p = strchr(p, ' ')) {
        p += *p == ' ';
        if (strncmp(p, name, size) == 0 && p[size] == '=')
            return strtoll(p + size + 1, NULL, 10);
    }
    return otherwise;
}

static int inherited(const char *words, const char *name)
{
    const int fd = (int)seat_number(words, name, -1);
    if (fd >= 0)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

bool seat_take(struct seat *seat)
{
    const char *words = getenv(SEAT_VARIABLE);
    if (words == NULL)
        return false;
    *seat = (struct seat){.control = inherited(words, "control"),
                          .listen = inherited(words, "listen"),
                          .settings = inherited(words, "settings"),
                          .first_uid = seat_number(words, "first-uid", 0),
                          .restarts = (uint64_t)seat_number(words, "restarts", 0),
                          .proc_masked = seat_number(words, "proc-masked", 0) != 0,
                          .holds = seat_number(words, "holds", 0) != 0};
    unsetenv(SEAT_VARIABLE);
    return true;
}

void seat_print(const struct seat *seat, char *text, int size)
{
    snprintf(text, (size_t)size, "control=%d listen=%d settings=%d first-uid=%lld restarts=%llu proc-masked=%d holds=%d", seat->control,
             seat->listen, seat->settings, (long long)seat->first_uid, (unsigned long long)seat->restarts, seat->proc_masked, seat->holds);
}

void seat_say(int control, const char *format, ...)
{
    char line[SEAT_LINE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (send(control, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return; /* the other side is gone, which it learns otherwise */
}

long seat_hear(int control, char line[SEAT_LINE_MAX])
{
    const ssize_t n = recv(control, line, SEAT_LINE_MAX - 1, MSG_DONTWAIT);
    line[n > 0 ? n : 0] = '\0';
    return n;
}
