/* incubator.c: makes nests for the broker, one request after the other. Small and static on purpose: a fork of it
 * costs next to nothing. Trusts the broker's messages; sees no byte from outside and runs no user code.
 *
 *   hatchery-incubator CHANNEL-FD proc|no-proc */
#include "common/channel.h"
#include "incubator/nest.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { SLOTS_MAX = 2048 };

/* An empty network namespace for each slot, used by one nest after the other: making one for every run would cost more
 * than all the rest. Made when the slot is first used; 0: not yet. */
static int network_namespaces[SLOTS_MAX];

static int network_namespace(uint32_t slot)
{
    if (slot >= SLOTS_MAX) {
        errno = EINVAL;
        return -1;
    }
    if (network_namespaces[slot] == 0) {
        int fd = unshare(CLONE_NEWNET) == 0 ? open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC) : -1;
        if (fd < 0)
            return -1;
        network_namespaces[slot] = fd;
    }
    return network_namespaces[slot];
}

static int make_nest(int channel, const struct nest_settings *settings, const struct message_head *head)
{
    struct message_nest_made made = {.head = *head};
    const char *what = "new network namespace";

    made.head.type = MESSAGE_NEST_MADE;
    int netns = network_namespace(head->slot);
    if (netns >= 0)
        made.pid = nest_make(settings, netns, head->slot, &what);
    if (made.pid <= 0) {
        made.pid = 0;
        made.error = errno;
        strncpy(made.what, what, sizeof made.what - 1);
    }
    return channel_send(channel, &made, sizeof made, NULL, 0);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "hatchery-incubator is started by hatchery\n");
        return 2;
    }
    int channel = atoi(argv[1]);
    const struct nest_settings settings = {.proc = strcmp(argv[2], "proc") == 0};

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0)
        return 1;
    prctl(PR_SET_NAME, "incubator");
    for (;;) {
        struct message message;
        int r = channel_receive(channel, &message);
        if (r <= 0)
            return r == 0 ? 0 : 1;
        if (message.head.type == MESSAGE_NEST_MAKE)
            r = make_nest(channel, &settings, &message.head);
        else
            r = -1;
        message_close_fds(&message);
        if (r != 0)
            return 1;
    }
}
