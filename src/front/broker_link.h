/* broker_link.h: the front's end of the channel to the broker. What the channel cannot take now waits; nothing is
 * lost. */
#pragma once

#include "common/channel.h"
#include "front/buffer.h"

#include <stdbool.h>
#include <uv.h>

struct broker_link {
    int channel;
    uv_poll_t poll;
    struct buffer waiting; /* struct message_run_start, struct message_run_kill; each led by its size */
    void (*received)(void *data, struct message *message);
    void (*gone)(void);
    void *data;
};

/* `received` gets each message and owns its descriptors. `gone` is called when the broker is, or breaks the protocol. */
int broker_link_start(struct broker_link *link, uv_loop_t *loop, int channel,
                      void (*received)(void *data, struct message *message), void (*gone)(void), void *data);

void broker_link_send(struct broker_link *link, const void *message, size_t size);
