/* broker_link.c: see broker_link.h. Runs in the front; trusts the broker. */
#include "front/broker_link.h"

#include "common/log.h"

#include <errno.h>
#include <string.h>

enum { WAITING_MAX = 16 << 20, RECEIVES_A_TURN = 64 };

static void on_event(uv_poll_t *poll, int status, int events);

static bool send_now(struct broker_link *link, const void *message, size_t size)
{
    if (channel_send(link->channel, message, size, NULL, 0) == 0)
        return true;
    if (errno != EAGAIN && errno != ENOBUFS) {
        log_event(LOG_ERROR, "broker.lost", LOG_S("reason", strerror(errno)));
        link->gone();
    }
    return false;
}

static void send_waiting(struct broker_link *link)
{
    size_t at = 0, size;
    while (at < link->waiting.size) {
        memcpy(&size, link->waiting.data + at, sizeof size);
        if (!send_now(link, link->waiting.data + at + sizeof size, size))
            break;
        at += sizeof size + size;
    }
    if (at == 0)
        return;
    memmove(link->waiting.data, link->waiting.data + at, link->waiting.size - at);
    link->waiting.size -= at;
    if (link->waiting.size == 0)
        uv_poll_start(&link->poll, UV_READABLE, on_event);
}

void broker_link_send(struct broker_link *link, const void *message, size_t size)
{
    if (link->waiting.size == 0 && send_now(link, message, size))
        return;
    buffer_append(&link->waiting, &size, sizeof size);
    if (!buffer_append(&link->waiting, message, size)) {
        log_event(LOG_ERROR, "broker.lost", LOG_S("reason", "it reads no messages"));
        link->gone();
    }
    uv_poll_start(&link->poll, UV_READABLE | UV_WRITABLE, on_event);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct broker_link *link = poll->data;
    struct message message;

    if ((events & UV_WRITABLE) != 0)
        send_waiting(link);
    for (int i = 0; i < RECEIVES_A_TURN; i++) {
        int n = channel_receive(link->channel, &message);
        if (n == 1) {
            link->received(link->data, &message);
            continue;
        }
        if (n == 0 || errno != EAGAIN) {
            log_event(LOG_INFO, "broker.gone",
                      LOG_S("reason", n == 0 ? "end of the channel" : strerror(errno)));
            link->gone();
        }
        return;
    }
}

int broker_link_start(struct broker_link *link, uv_loop_t *loop, int channel,
                      void (*received)(void *data, struct message *message), void (*gone)(void), void *data)
{
    link->channel = channel;
    link->received = received;
    link->gone = gone;
    link->data = data;
    link->poll.data = link;
    buffer_init(&link->waiting, WAITING_MAX);
    int status = uv_poll_init(loop, &link->poll, channel);
    return status == 0 ? uv_poll_start(&link->poll, UV_READABLE, on_event) : status;
}
