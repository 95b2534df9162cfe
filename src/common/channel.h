/* channel.h: sends and receives the messages of protocol.h over a SOCK_SEQPACKET socket. */
#pragma once

#include "common/protocol.h"

#include <stddef.h>

struct message {
    union {
        struct message_head head;
        struct message_front_mode front_mode;
        struct message_front_retired front_retired;
        struct message_environment environment;
        struct message_learned learned;
        struct message_keys keys;
        struct message_stats stats;
        struct message_sandbox_ready sandbox_ready;
        struct message_sandbox_unwanted sandbox_unwanted;
        struct message_sandbox_gone sandbox_gone;
        struct message_run_prepare run_prepare;
        struct message_run_prepared run_prepared;
        struct message_run_waits run_waits;
        struct message_run_start run_start;
        struct message_run_kill run_kill;
        struct message_run_ended run_ended;
        struct message_nest_make nest_make;
        struct message_nest_made nest_made;
        struct message_zygote_warm zygote_warm;
        struct message_program_fork program_fork;
        struct message_program_forked program_forked;
    };
    int fds[MESSAGE_FDS_MAX]; /* received descriptors, close-on-exec; the receiver owns them */
    int fd_count;
};

/* Makes a connected pair, close-on-exec; flags may add SOCK_NONBLOCK. 0, or -1 with errno. */
int channel_pair(int pair[2], int flags);

/* Sends a message (`size` bytes from its head) with copies of `count` descriptors. 0, or -1 with errno (EAGAIN). */
int channel_send(int channel, const void *message, size_t size, const int *fds, int count);

/* Receives one message that must be of a known type, of exactly that type's size. 1 on success, 0 at the end of
 * the stream (the peer is gone), -1 with errno: EAGAIN when there is none, EPROTO when the peer breaks the protocol
 * (its descriptors are closed). Blocks or not as the socket does. */
int channel_receive(int channel, struct message *message);

/* Closes the descriptors that the message still owns (entries set to -1 are skipped). */
void message_close_fds(struct message *message);
