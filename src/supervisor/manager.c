/* manager.c: see manager.h. By hand: libsystemd would be a dependency for two small protocols, and runs as root. Trusts
 * whoever started the service. */
#include "supervisor/manager.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST_FD = 3 };

static struct sockaddr_un manager; /* sun_family 0: there is none */
static socklen_t manager_size;
static uint64_t patience_us; /* the manager ends us when it has not heard of us for so long; 0: it does not */
static uint64_t told_at;

static void find_manager(const char *path)
{
    size_t n = path != NULL ? strlen(path) : 0;
    if (n < 2 || n >= sizeof manager.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    manager.sun_family = AF_UNIX;
    memcpy(manager.sun_path, path, n);
    if (path[0] == '@') /* an abstract name */
        manager.sun_path[0] = '\0';
    manager_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

static int adopt_socket(const char *pid, const char *count, struct error *err)
{
    int listening = 0;
    socklen_t size = sizeof listening;
    if (pid == NULL || count == NULL || atol(pid) != getpid() || atoi(count) == 0)
        return -1; /* none, or meant for a process before us */
    if (atoi(count) != 1)
        return error_set(err, 0, "listen: the service manager hands over %s sockets; give one", count) - 1;
    if (getsockopt(FIRST_FD, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || !listening)
        return error_set(err, 0, "listen: what the service manager hands over is no listening stream socket") - 1;
    if (fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC) != 0 || fcntl(FIRST_FD, F_SETFL, O_NONBLOCK) != 0)
        return error_set(err, errno, "listen: the service manager's socket") - 1;
    return FIRST_FD;
}

/* WATCHDOG_PID names whom it is for, where a shell before us might have it, too. */
static void find_patience(const char *us, const char *pid)
{
    if (us != NULL && (pid == NULL || strtol(pid, NULL, 10) == getpid()))
        patience_us = strtoull(us, NULL, 10);
}

int manager_adopt(struct error *err)
{
    find_manager(getenv("NOTIFY_SOCKET"));
    find_patience(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
    int fd = adopt_socket(getenv("LISTEN_PID"), getenv("LISTEN_FDS"), err);
    static const char *const names[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
    return fd;
}

void manager_watched(uint64_t now)
{
    if (patience_us == 0 || now - told_at < patience_us * 1000 / 3)
        return;
    told_at = now;
    manager_tell("WATCHDOG=1");
}

void manager_hand_on(void)
{
    char path[sizeof manager.sun_path + 1] = "", number[24];
    if (manager.sun_family == 0)
        return;
    memcpy(path, manager.sun_path, manager_size - offsetof(struct sockaddr_un, sun_path));
    if (path[0] == '\0')
        path[0] = '@';
    setenv("NOTIFY_SOCKET", path, 1);
    if (patience_us == 0)
        return;
    snprintf(number, sizeof number, "%llu", (unsigned long long)patience_us);
    setenv("WATCHDOG_USEC", number, 1);
}

void manager_tell(const char *state)
{
    if (manager.sun_family == 0)
        return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&manager, manager_size);
    close(fd);
}
