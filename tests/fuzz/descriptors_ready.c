/* descriptors_ready.c: what can be read or written now, and who waits for it: epoll and poll of descriptors.h. */
#include "descriptors_internal.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>

enum { WATCHES_MAX = 256 /* of one epoll */, EPOLLS_MAX = 4 };

struct watches {
    struct watch {
        int fd;
        struct file *file;
        bool spent;
        struct epoll_event event;
    } of[WATCHES_MAX];
    unsigned count;
};

static struct file *epolls[EPOLLS_MAX];

void watches_forget(const struct file *file)
{
    for (size_t i = 0; i < EPOLLS_MAX; i++) {
        struct watches *watches = epolls[i] != NULL ? epolls[i]->watches : NULL;
        for (unsigned at = 0; watches != NULL && at < watches->count;)
            if (watches->of[at].file == file)
                memmove(&watches->of[at], &watches->of[at + 1], (--watches->count - at) * sizeof *watches->of);
            else
                at++;
    }
}

void watches_end(struct file *file)
{
    for (size_t i = 0; i < EPOLLS_MAX; i++)
        if (epolls[i] == file)
            epolls[i] = NULL;
    free(file->watches);
}

int __wrap_epoll_create1(int flags);
int __wrap_epoll_create1(int flags)
{
    struct file *file = file_new(EPOLL, true);
    size_t place = 0;
    while (place < EPOLLS_MAX && epolls[place] != NULL)
        place++;
    MUST((flags & EPOLL_CLOEXEC) != 0 && place < EPOLLS_MAX);
    epolls[place] = file;
    file->watches = calloc(1, sizeof *file->watches);
    MUST(file->watches != NULL);
    return descriptor_new(file);
}

static int refuse(int error)
{
    errno = error;
    return -1;
}

static unsigned ready_of(const struct file *file);

static unsigned file_ready(const struct file *file)
{
    const unsigned readable = file->packets > 0 ? EPOLLIN : 0;
    switch (file->kind) {
    case STREAM:
    case PACKETS:
        if (file->peer == NULL)
            return EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLRDHUP | (file->reset ? EPOLLERR : 0);
        return readable | (file_unsendable(file) == 0 ? EPOLLOUT : 0);
    case PIPE_READ:
        return readable | (file->peer == NULL ? EPOLLHUP : 0);
    case PIPE_WRITE:
        return file->peer == NULL ? EPOLLOUT | EPOLLERR : file_unsendable(file) == 0 ? EPOLLOUT : 0;
    case PROCESS:
        return *file->dead ? EPOLLIN : 0;
    case EPOLL:
        return ready_of(file);
    default:
        return EPOLLIN | EPOLLOUT;
    }
}

static unsigned wanted(const struct watch *watch)
{
    return watch->spent ? 0 : file_ready(watch->file) & (watch->event.events | EPOLLHUP | EPOLLERR);
}

static unsigned ready_of(const struct file *file)
{
    for (unsigned i = 0; i < file->watches->count; i++)
        if (wanted(&file->watches->of[i]) != 0)
            return EPOLLIN;
    return 0;
}

unsigned descriptor_ready(int fd)
{
    return file_ready(descriptor_file(fd));
}

int __real_epoll_ctl(int epoll, int what, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int what, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
    if (!descriptor_is_ours(epoll))
        return __real_epoll_ctl(epoll, what, fd, event);
    struct watches *watches = descriptor_file(epoll)->watches;
    struct file *file = descriptor_file(fd);
    MUST(watches != NULL);
    if (file->kind == MEMORY || file->kind == EMPTY)
        return refuse(EPERM);
    struct watch *watch = NULL;
    for (unsigned i = 0; i < watches->count; i++)
        if (watches->of[i].fd == fd && watches->of[i].file == file)
            watch = &watches->of[i];
    if ((watch == NULL) != (what == EPOLL_CTL_ADD))
        return refuse(watch == NULL ? ENOENT : EEXIST);
    if (what == EPOLL_CTL_DEL) {
        const size_t at = (size_t)(watch - watches->of);
        memmove(watch, watch + 1, (--watches->count - at) * sizeof *watch);
        return 0;
    }
    if (watch == NULL) {
        MUST(watches->count < WATCHES_MAX);
        watch = &watches->of[watches->count++];
    }
    *watch = (struct watch){.fd = fd, .file = file, .event = *event};
    return 0;
}

int __real_epoll_wait(int epoll, struct epoll_event *events, int most, int timeout);
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int most, int timeout);
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
    if (!descriptor_is_ours(epoll))
        return __real_epoll_wait(epoll, events, most, timeout);
    struct watches *watches = descriptor_file(epoll)->watches;
    int count = 0;
    MUST(watches != NULL && timeout == 0);
    for (unsigned i = 0; i < watches->count && count < most; i++) {
        struct watch *watch = &watches->of[i];
        const unsigned ready = wanted(watch);
        if (ready == 0)
            continue;
        watch->spent = (watch->event.events & EPOLLONESHOT) != 0;
        events[count++] = (struct epoll_event){.events = ready, .data = watch->event.data};
    }
    return count;
}

/* Nothing happens while it waits. */
int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
    if (count != 1 || !descriptor_is_ours(fds->fd))
        return __real_poll(fds, count, timeout);
    fds->revents = (short)(descriptor_ready(fds->fd) & ((unsigned)fds->events | POLLHUP | POLLERR));
    MUST(fds->revents != 0 || timeout >= 0);
    return fds->revents != 0;
}
