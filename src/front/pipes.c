/* pipes.c: see pipes.h. Runs in the front. */
#include "front/pipes.h"

#include "common/log.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

enum {
    EVENTS_A_TURN = 64,
    STREAM_BITS = 3,
    GENERATION_BITS = 45, /* of an event's 64: slot 16, generation 45, stream 3 */
    REST_MS = 1
};

static uint64_t event_key(const struct sandbox *sandbox, enum run_stream stream)
{
    uint64_t generation = sandbox->generation & (((uint64_t)1 << GENERATION_BITS) - 1);
    return (uint64_t)sandbox->slot << (GENERATION_BITS + STREAM_BITS) | generation << STREAM_BITS | stream;
}

void pipes_watch(const struct pipes *pipes, struct sandbox *sandbox, enum run_stream stream)
{
    struct epoll_event event = {.events = (stream == RUN_JOB ? EPOLLOUT : EPOLLIN) | EPOLLONESHOT,
                                .data.u64 = event_key(sandbox, stream)};
    if (sandbox->fds[stream] < 0)
        return;
    if (epoll_ctl(pipes->epoll, sandbox->watched[stream] ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, sandbox->fds[stream], &event) != 0)
        log_event(LOG_ERROR, "run.unwatched", LOG_S("reason", strerror(errno)));
    sandbox->watched[stream] = true;
}

void pipes_watch_output(const struct pipes *pipes, struct sandbox *sandbox)
{
    pipes_watch(pipes, sandbox, RUN_STDOUT);
    pipes_watch(pipes, sandbox, RUN_STDERR);
}

static void on_rest_timer(uv_timer_t *timer)
{
    struct pipes *pipes = timer->data;
    while (!list_empty(&pipes->resting)) {
        struct run *run = LIST_ENTRY(pipes->resting.next, struct run, link);
        list_remove(&run->link);
        pipes_watch_output(pipes, run->sandbox);
    }
}

void pipes_rest(struct pipes *pipes, struct run *run)
{
    if (!list_empty(&run->link))
        return;
    list_append(&pipes->resting, &run->link);
    if (!uv_is_active((uv_handle_t *)&pipes->rest_timer))
        uv_timer_start(&pipes->rest_timer, on_rest_timer, REST_MS, 0);
}

void pipes_forget(struct pipes *pipes, struct run *run)
{
    list_remove(&run->link);
    if (list_empty(&pipes->resting)) /* or it would wake the front for nobody */
        uv_timer_stop(&pipes->rest_timer);
}

static void on_events(uv_poll_t *poll, int status, int events)
{
    struct pipes *pipes = poll->data;
    struct epoll_event event[EVENTS_A_TURN];
    int count = epoll_wait(pipes->epoll, event, EVENTS_A_TURN, 0);

    for (int i = 0; i < count; i++) {
        uint64_t key = event[i].data.u64;
        struct sandbox *sandbox = pipes->find(pipes->data, (uint32_t)(key >> (GENERATION_BITS + STREAM_BITS)));
        enum run_stream stream = key & ((1 << STREAM_BITS) - 1);
        if (sandbox != NULL && sandbox->run != NULL && event_key(sandbox, stream) == key && sandbox->fds[stream] >= 0)
            pipes->ready(pipes->data, sandbox, stream);
    }
}

int pipes_start(struct pipes *pipes, uv_loop_t *loop, struct sandbox *(*find)(void *data, uint32_t slot),
                void (*ready)(void *data, struct sandbox *sandbox, enum run_stream stream), void *data)
{
    *pipes = (struct pipes){.find = find, .ready = ready, .data = data};
    list_init(&pipes->resting);
    pipes->poll.data = pipes->rest_timer.data = pipes;
    pipes->epoll = epoll_create1(EPOLL_CLOEXEC);
    int status = pipes->epoll >= 0 ? uv_poll_init(loop, &pipes->poll, pipes->epoll) : -errno;
    if (status == 0)
        status = uv_poll_start(&pipes->poll, UV_READABLE, on_events);
    return status == 0 ? uv_timer_init(loop, &pipes->rest_timer) : status;
}
