/* channel.c: see channel.h. Runs in every process; trusts nothing about a received packet but its kernel framing. */
#include "common/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const size_t sizes[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_SANDBOX_READY] = sizeof(struct message_sandbox_ready),
    [MESSAGE_SANDBOX_GONE] = sizeof(struct message_sandbox_gone),
    [MESSAGE_RUN_PREPARE] = sizeof(struct message_run_prepare),
    [MESSAGE_RUN_PREPARED] = sizeof(struct message_run_prepared),
    [MESSAGE_RUN_START] = sizeof(struct message_run_start),
    [MESSAGE_RUN_KILL] = sizeof(struct message_run_kill),
    [MESSAGE_RUN_ENDED] = sizeof(struct message_run_ended),
    [MESSAGE_NEST_MAKE] = sizeof(struct message_nest_make),
    [MESSAGE_NEST_MADE] = sizeof(struct message_nest_made),
    [MESSAGE_ZYGOTE_WARM] = sizeof(struct message_zygote_warm),
    [MESSAGE_PROGRAM_FORK] = sizeof(struct message_program_fork),
    [MESSAGE_PROGRAM_FORKED] = sizeof(struct message_program_forked),
    [MESSAGE_ENVIRONMENT] = sizeof(struct message_environment),
    [MESSAGE_KEYS] = sizeof(struct message_keys),
    [MESSAGE_STATS_ASK] = sizeof(struct message_stats_ask),
    [MESSAGE_STATS] = sizeof(struct message_stats),
    [MESSAGE_RUN_WAITS] = sizeof(struct message_run_waits),
    [MESSAGE_FRONT_MODE] = sizeof(struct message_front_mode),
    [MESSAGE_FRONT_RETIRED] = sizeof(struct message_front_retired),
    [MESSAGE_PING] = sizeof(struct message_ping),
    [MESSAGE_PONG] = sizeof(struct message_ping),
    [MESSAGE_LEARNED] = sizeof(struct message_learned),
    [MESSAGE_SANDBOX_UNWANTED] = sizeof(struct message_sandbox_unwanted),
};

int channel_pair(int pair[2], int flags)
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0, pair);
}

int channel_send(int channel, const void *message, size_t size, const int *fds, int count)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * MESSAGE_FDS_MAX)];
    } control;
    struct iovec iov = {.iov_base = (void *)message, .iov_len = size};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    if (count < 0 || count > MESSAGE_FDS_MAX) {
        errno = EINVAL;
        return -1;
    }
    if (count > 0) {
        memset(&control, 0, sizeof control);
        msg.msg_control = control.space;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * (size_t)count);
    }
    ssize_t n;
    do
        n = sendmsg(channel, &msg, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -1 : 0;
}

int channel_receive(int channel, struct message *message)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * MESSAGE_FDS_MAX)];
    } control;
    struct iovec iov = {.iov_base = message, .iov_len = offsetof(struct message, fds)};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};

    message->fd_count = 0;
    ssize_t n;
    do
        n = recvmsg(channel, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return (int)n;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count && message->fd_count < MESSAGE_FDS_MAX; i++)
            memcpy(&message->fds[message->fd_count++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
    }
    if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || (size_t)n < sizeof message->head ||
        message->head.type == 0 || message->head.type >= MESSAGE_TYPE_COUNT ||
        (size_t)n != sizes[message->head.type]) {
        message_close_fds(message);
        errno = EPROTO;
        return -1;
    }
    return 1;
}

void message_close_fds(struct message *message)
{
    for (int i = 0; i < message->fd_count; i++)
        if (message->fds[i] >= 0)
            close(message->fds[i]);
    message->fd_count = 0;
}
