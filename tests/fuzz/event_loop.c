/* event_loop.c: what the front uses of libuv between its messages, over the descriptors of descriptors.h: handles that are polled, and
 * timers. Each turn of the loop is a moment. */
#include "descriptors.h"

#include "fuzz.h"

#include <sys/epoll.h>
#include <uv.h>

enum { HANDLES_MAX = 8, TURN_NS = 300000, LOOK_NS = 1000, MS = 1000000 };

static struct {
    uv_poll_t *poll;
    int fd, events;
    uv_poll_cb called;
} polled[HANDLES_MAX];
static struct {
    uv_timer_t *timer;
    uint64_t at; /* 0: it is not started */
    uv_timer_cb called;
} timers[HANDLES_MAX];
static uint64_t clock_ns = 1000000000000;

#define FIND(table, member, wanted)                              \
    ({                                                           \
        size_t place = 0;                                        \
        while ((table)[place].member != (wanted))                \
            MUST(++place < HANDLES_MAX);                         \
        &(table)[place];                                         \
    })

uint64_t __wrap_uv_hrtime(void);
uint64_t __wrap_uv_hrtime(void)
{
    return clock_ns += LOOK_NS;
}

int __wrap_uv_poll_init(uv_loop_t *loop, uv_poll_t *poll, int fd);
int __wrap_uv_poll_init(uv_loop_t *loop, uv_poll_t *poll, int fd)
{
    MUST(loop != NULL);
    *FIND(polled, poll, NULL) = (typeof(*polled)){.poll = poll, .fd = fd};
    return 0;
}

int __wrap_uv_poll_start(uv_poll_t *poll, int events, uv_poll_cb called);
int __wrap_uv_poll_start(uv_poll_t *poll, int events, uv_poll_cb called)
{
    FIND(polled, poll, poll)->events = events;
    FIND(polled, poll, poll)->called = called;
    return 0;
}

int __wrap_uv_timer_init(uv_loop_t *loop, uv_timer_t *timer);
int __wrap_uv_timer_init(uv_loop_t *loop, uv_timer_t *timer)
{
    MUST(loop != NULL);
    *FIND(timers, timer, NULL) = (typeof(*timers)){.timer = timer};
    return 0;
}

int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb called, uint64_t after, uint64_t again);
int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb called, uint64_t after, uint64_t again)
{
    MUST(again == 0);
    FIND(timers, timer, timer)->at = clock_ns + after * MS;
    FIND(timers, timer, timer)->called = called;
    return 0;
}

int __wrap_uv_timer_stop(uv_timer_t *timer);
int __wrap_uv_timer_stop(uv_timer_t *timer)
{
    FIND(timers, timer, timer)->at = 0;
    return 0;
}

int __wrap_uv_is_active(const uv_handle_t *handle);
int __wrap_uv_is_active(const uv_handle_t *handle)
{
    return FIND(timers, timer, (const uv_timer_t *)handle)->at != 0;
}

int __wrap_uv_run(uv_loop_t *loop, uv_run_mode mode);
int __wrap_uv_run(uv_loop_t *loop, uv_run_mode mode)
{
    MUST(mode == UV_RUN_NOWAIT && loop != NULL);
    clock_ns += TURN_NS;
    for (size_t i = 0; i < HANDLES_MAX; i++)
        if (timers[i].at != 0 && timers[i].at <= clock_ns) {
            timers[i].at = 0;
            timers[i].called(timers[i].timer);
        }
    for (size_t i = 0; i < HANDLES_MAX; i++) {
        if (polled[i].events == 0)
            continue;
        const unsigned ready = descriptor_ready(polled[i].fd);
        const int readable = (ready & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 ? UV_READABLE : 0;
        const int events = polled[i].events & (readable | ((ready & EPOLLOUT) != 0 ? UV_WRITABLE : 0));
        if (events != 0)
            polled[i].called(polled[i].poll, 0, events);
    }
    return 1;
}
