/* generation.c: see generation.h. Runs in the supervisor. */
#include "supervisor/generation.h"

#include "broker/seat.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SEAT_TEXT_MAX = 256 };

static _Noreturn void become(const char *path, char *const argv[], const struct seat *seat)
{
    char text[SEAT_TEXT_MAX];
    sigset_t none;
    setsid(); /* a Ctrl-C at the terminal is for the supervisor */
    seat_print(seat, text, sizeof text);
    if (fcntl(seat->control, F_SETFD, 0) == 0 && fcntl(seat->listen, F_SETFD, 0) == 0 &&
        (seat->settings < 0 || fcntl(seat->settings, F_SETFD, 0) == 0) && setenv(SEAT_VARIABLE, text, 1) == 0) {
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execv(path, argv);
    }
    seat_say(seat->control, "failed cannot start %s: %s", path, strerror(errno));
    _exit(1);
}

int generation_start(struct generation *generation, const char *path, char *const argv[], struct seat *seat, struct error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return error_set(err, errno, "cannot start a broker: socketpair");
    seat->control = pair[1];
    pid_t pid = fork();
    if (pid == 0)
        become(path, argv, seat);
    const int saved = errno;
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return error_set(err, saved, "cannot start a broker: fork");
    }
    generation->pid = pid;
    generation->control = pair[0];
    generation->ready = generation->pongs = false;
    generation->watchdog = (struct watchdog){0};
    generation->failure[0] = '\0';
    return 0;
}

void generation_clear(struct generation *generation)
{
    close(generation->control);
    *generation = (struct generation){.control = -1};
}
