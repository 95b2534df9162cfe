/* incubator.c: makes nests for the broker, one request after the other. Small and static on purpose: a fork of it
 * costs next to nothing. Trusts the broker's messages; sees no byte from outside and runs no user code.
 *
 *   hatchery-incubator CHANNEL-FD WORKSPACE-BYTES FILES */
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

static struct nest_slot slots[SLOTS_MAX];

static int add_slot(struct message *message)
{
    uint32_t index = message->head.slot;
    if (index >= SLOTS_MAX || message->fd_count != (int)message->slot_add.procs_count)
        return -1;
    struct nest_slot *slot = &slots[index];
    for (int i = 0; i < slot->procs_count; i++) /* its cgroup was made anew */
        close(slot->procs[i]);
    slot->procs_count = message->fd_count;
    memcpy(slot->procs, message->fds, sizeof slot->procs);
    message->fd_count = 0;
    if (slot->netns == 0) {
        if (unshare(CLONE_NEWNET) != 0)
            return -1;
        slot->netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    }
    return slot->netns < 0 ? -1 : 0;
}

static int make_nest(int channel, const struct nest_settings *settings, const struct message_head *head)
{
    struct message_nest_made made = {.head = *head};
    const char *what = "unknown slot";
    int pidfd = -1;

    made.head.type = MESSAGE_NEST_MADE;
    errno = EINVAL;
    if (head->slot < SLOTS_MAX && slots[head->slot].procs_count > 0)
        made.pid = nest_make(settings, &slots[head->slot], head->slot, &pidfd, &what);
    if (pidfd < 0) {
        made.pid = 0;
        made.error = errno;
        strncpy(made.what, what, sizeof made.what - 1);
    }
    int r = channel_send(channel, &made, sizeof made, &pidfd, pidfd >= 0);
    if (pidfd >= 0)
        close(pidfd);
    return r;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "hatchery-incubator is started by hatchery\n");
        return 2;
    }
    int channel = atoi(argv[1]);
    struct nest_settings settings = {strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10)};

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0)
        return 1;
    prctl(PR_SET_NAME, "incubator");
    for (;;) {
        struct message message;
        int r = channel_receive(channel, &message);
        if (r <= 0)
            return r == 0 ? 0 : 1;
        if (message.head.type == MESSAGE_SLOT_ADD)
            r = add_slot(&message);
        else if (message.head.type == MESSAGE_NEST_MAKE)
            r = make_nest(channel, &settings, &message.head);
        else
            r = -1;
        message_close_fds(&message);
        if (r != 0)
            return 1;
    }
}
