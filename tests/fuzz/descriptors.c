/* descriptors.c: see descriptors.h. A descriptor is a number of an open file; files count who holds them, messages on their way
 * included. Sockets and pipes have a queue at the end that receives. */
#include "descriptors.h"

#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DESCRIPTORS_MAX = 1024,
    FILES_MAX = 1024,
    WATCHES_MAX = 256, /* of one epoll */
    EPOLLS_MAX = 4,
    PACKET_FDS_MAX = 16,
    PACKETS_MAX = 32, /* in a queue; then it is full */
    STREAM_MAX = 1 << 16
};

enum kind { NO_FILE, STREAM, PACKETS, PIPE_READ, PIPE_WRITE, MEMORY, EMPTY /* as /dev/null */, EPOLL, PROCESS };

struct file {
    enum kind kind;
    unsigned holders;
    bool nonblocking, reset;
    struct file *peer; /* NULL: it is gone */
    struct packet {
        struct packet *next;
        size_t size, taken;
        unsigned fd_count;
        struct file *fds[PACKET_FDS_MAX];
        unsigned char *bytes;
    } *first, **last; /* what is to be received here */
    unsigned packets;
    unsigned char *bytes; /* of memory */
    size_t size, position;
    struct watches *watches;
    void *process;
    const bool *dead;
};

struct watches {
    struct watch {
        int fd;
        struct file *file;
        bool spent;
        struct epoll_event event;
    } of[WATCHES_MAX];
    unsigned count;
};

static struct file files[FILES_MAX];
static struct file *descriptors[DESCRIPTORS_MAX], *epolls[EPOLLS_MAX];
static int lowest;
static size_t files_used, file_hint;

size_t descriptor_count(void)
{
    return files_used;
}

static bool is_ours(int fd)
{
    return fd >= DESCRIPTOR_FIRST && fd < DESCRIPTOR_FIRST + DESCRIPTORS_MAX;
}

static struct file *file_of(int fd)
{
    MUST(is_ours(fd) && descriptors[fd - DESCRIPTOR_FIRST] != NULL);
    return descriptors[fd - DESCRIPTOR_FIRST];
}

static int fail(int error)
{
    errno = error;
    return -1;
}

static struct file *file_new(enum kind kind, bool nonblocking)
{
    while (files[file_hint].kind != NO_FILE)
        file_hint = (file_hint + 1) % FILES_MAX;
    struct file *file = &files[file_hint];
    *file = (struct file){.kind = kind, .nonblocking = nonblocking};
    file->last = &file->first;
    MUST(++files_used < FILES_MAX);
    return file;
}

/* The lowest free number, as the kernel has it. */
static int descriptor_new(struct file *file)
{
    while (lowest < DESCRIPTORS_MAX && descriptors[lowest] != NULL)
        lowest++;
    MUST(lowest < DESCRIPTORS_MAX);
    descriptors[lowest] = file;
    file->holders++;
    return DESCRIPTOR_FIRST + lowest++;
}

static void file_drop(struct file *file);

static void packet_take(struct file *file)
{
    struct packet *packet = file->first;
    for (unsigned i = 0; i < packet->fd_count; i++)
        if (packet->fds[i] != NULL)
            file_drop(packet->fds[i]);
    file->first = packet->next;
    if (file->first == NULL)
        file->last = &file->first;
    file->packets--;
    file->size -= packet->size - packet->taken;
    free(packet->bytes);
    free(packet);
}

static void unwatch(const struct file *file)
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

static void file_drop(struct file *file)
{
    if (--file->holders > 0)
        return;
    unwatch(file);
    if (file->peer != NULL) {
        file->peer->peer = NULL;
        file->peer->reset = file->packets > 0 && file->kind != PIPE_READ; /* what it sent was not read */
    }
    while (file->first != NULL)
        packet_take(file);
    for (size_t i = 0; i < EPOLLS_MAX; i++)
        if (epolls[i] == file)
            epolls[i] = NULL;
    free(file->watches);
    free(file->bytes);
    file->kind = NO_FILE;
    files_used--;
}

/* --- making and ending --------------------------------------------------------------------------------------------------- */

int descriptor_new_process(void *process, const bool *dead)
{
    struct file *file = file_new(PROCESS, true);
    file->process = process;
    file->dead = dead;
    return descriptor_new(file);
}

void *descriptor_process(int fd)
{
    return file_of(fd)->kind == PROCESS ? file_of(fd)->process : NULL;
}

static int pair_new(enum kind one, enum kind other, bool nonblocking, int pair[2])
{
    struct file *first = file_new(one, nonblocking), *second = file_new(other, nonblocking);
    first->peer = second;
    second->peer = first;
    pair[0] = descriptor_new(first);
    pair[1] = descriptor_new(second);
    return 0;
}

int __wrap_socketpair(int domain, int type, int protocol, int pair[2]);
int __wrap_socketpair(int domain, int type, int protocol, int pair[2])
{
    const int kind = type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
    MUST(domain == AF_UNIX && protocol == 0 && (type & SOCK_CLOEXEC) != 0 && (kind == SOCK_STREAM || kind == SOCK_SEQPACKET));
    const enum kind end = kind == SOCK_STREAM ? STREAM : PACKETS;
    return pair_new(end, end, (type & SOCK_NONBLOCK) != 0, pair);
}

int __wrap_pipe2(int pair[2], int flags);
int __wrap_pipe2(int pair[2], int flags)
{
    MUST((flags & O_CLOEXEC) != 0);
    return pair_new(PIPE_READ, PIPE_WRITE, (flags & O_NONBLOCK) != 0, pair);
}

int __wrap_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags)
{
    MUST(name != NULL);
    return descriptor_new(file_new(MEMORY, true));
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

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (strcmp(path, "/dev/null") == 0)
        return descriptor_new(file_new(EMPTY, true));
    if (strncmp(path, "/nowhere/", 9) == 0 || strncmp(path, "/proc/", 6) == 0)
        return fail(ENOENT);
    return __real_open64(path, flags, mode);
}

int __real_rmdir(const char *path);
int __wrap_rmdir(const char *path);
int __wrap_rmdir(const char *path)
{
    return strncmp(path, "/nowhere/", 9) == 0 ? fail(ENOENT) : __real_rmdir(path);
}

int __real_dup(int fd);
int __wrap_dup(int fd);
int __wrap_dup(int fd)
{
    return is_ours(fd) ? descriptor_new(file_of(fd)) : __real_dup(fd);
}

int __real_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    const long value = va_arg(args, long);
    va_end(args);
    if (!is_ours(fd))
        return __real_fcntl64(fd, command, value);
    struct file *file = file_of(fd);
    if (command == F_DUPFD_CLOEXEC)
        return descriptor_new(file);
    MUST(command == F_SETFL || command == F_ADD_SEALS);
    if (command == F_SETFL)
        file->nonblocking = ((int)value & O_NONBLOCK) != 0;
    return 0;
}

int __wrap_fchown(int fd, uid_t uid, gid_t gid);
int __wrap_fchown(int fd, uid_t uid, gid_t gid)
{
    MUST(file_of(fd) != NULL && uid == gid && uid != 0);
    return 0;
}

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
    if (!is_ours(fd))
        return __real_close(fd);
    struct file *file = file_of(fd);
    fd -= DESCRIPTOR_FIRST;
    descriptors[fd] = NULL;
    lowest = fd < lowest ? fd : lowest;
    file_drop(file);
    return 0;
}

/* --- sending and receiving ----------------------------------------------------------------------------------------------- */

static bool is_socket(const struct file *file)
{
    return file->kind == STREAM || file->kind == PACKETS;
}

/* What keeps it from sending; 0. */
static int unsendable(const struct file *file)
{
    MUST(is_socket(file) || file->kind == PIPE_WRITE);
    if (file->peer == NULL)
        return EPIPE;
    return file->peer->packets >= PACKETS_MAX || file->peer->size >= STREAM_MAX ? EAGAIN : 0;
}

static ssize_t put(struct file *file, const struct iovec *parts, size_t count, const int *fds, unsigned fd_count, bool wait)
{
    const int why_not = unsendable(file);
    if (why_not != 0) {
        MUST(why_not != EAGAIN || !wait); /* it would wait for who may never come */
        return fail(why_not);
    }
    size_t size = 0, most = file->kind == PACKETS ? SIZE_MAX : STREAM_MAX - file->peer->size;
    for (size_t i = 0; i < count; i++)
        size += parts[i].iov_len;
    most = size < most ? size : most;
    MUST(most == size || !wait);
    if (most == 0)
        return 0;
    struct packet *packet = calloc(1, sizeof *packet);
    MUST(packet != NULL && fd_count <= PACKET_FDS_MAX && (packet->bytes = malloc(most)) != NULL);
    for (size_t i = 0; packet->size < most; i++) {
        const size_t left = most - packet->size, part = parts[i].iov_len < left ? parts[i].iov_len : left;
        memcpy(packet->bytes + packet->size, parts[i].iov_base, part);
        packet->size += part;
    }
    for (unsigned i = 0; i < fd_count; i++) {
        packet->fds[packet->fd_count] = file_of(fds[i]);
        packet->fds[packet->fd_count++]->holders++;
    }
    *file->peer->last = packet;
    file->peer->last = &packet->next;
    file->peer->packets++;
    file->peer->size += most;
    return (ssize_t)most;
}

/* What keeps it from receiving; 0. -1: the end. */
static int unreceivable(struct file *file, bool wait)
{
    MUST(is_socket(file) || file->kind == PIPE_READ);
    if (file->packets > 0)
        return 0;
    if (file->reset) {
        file->reset = false;
        return ECONNRESET;
    }
    MUST(file->peer == NULL || !wait); /* it would wait for who may never come */
    return file->peer == NULL ? -1 : EAGAIN;
}

static ssize_t get(struct file *file, void *bytes, size_t size, bool wait)
{
    const int why_not = unreceivable(file, wait);
    size_t have = 0;
    if (why_not != 0)
        return why_not < 0 ? 0 : fail(why_not);
    do {
        struct packet *packet = file->first;
        const size_t left = packet->size - packet->taken, part = left < size - have ? left : size - have;
        memcpy((char *)bytes + have, packet->bytes + packet->taken, part);
        packet->taken += part;
        file->size -= part;
        have += part;
        if (packet->taken == packet->size || file->kind == PACKETS)
            packet_take(file);
    } while (have < size && file->packets > 0 && file->kind != PACKETS);
    return (ssize_t)have;
}

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (!is_ours(fd))
        return __real_sendmsg(fd, message, flags);
    struct file *file = file_of(fd);
    const struct cmsghdr *control = message->msg_controllen > 0 ? CMSG_FIRSTHDR(message) : NULL;
    int fds[PACKET_FDS_MAX];
    const size_t size = control != NULL ? control->cmsg_len - CMSG_LEN(0) : 0;
    MUST(is_socket(file) && (flags & MSG_NOSIGNAL) != 0 && size <= sizeof fds);
    if (size > 0)
        memcpy(fds, CMSG_DATA(control), size);
    return put(file, message->msg_iov, message->msg_iovlen, fds, (unsigned)(size / sizeof *fds), !file->nonblocking && (flags & MSG_DONTWAIT) == 0);
}

ssize_t __real_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags)
{
    if (!is_ours(fd))
        return __real_recvmsg(fd, message, flags);
    struct file *file = file_of(fd);
    MUST(file->kind == PACKETS && (flags & MSG_CMSG_CLOEXEC) != 0 && message->msg_iovlen == 1);
    const size_t room = message->msg_controllen, size = message->msg_iov->iov_len;
    struct packet *packet = file->first;
    message->msg_flags = 0;
    message->msg_controllen = 0;
    if (packet != NULL && packet->fd_count > 0) {
        const unsigned fit = room >= CMSG_LEN(0) ? (unsigned)((room - CMSG_LEN(0)) / sizeof(int)) : 0;
        const unsigned count = packet->fd_count < fit ? packet->fd_count : fit;
        struct cmsghdr *control = message->msg_control;
        message->msg_flags |= count < packet->fd_count ? MSG_CTRUNC : 0;
        if (count > 0) {
            *control = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(count * sizeof(int))};
            message->msg_controllen = CMSG_SPACE(count * sizeof(int)) < room ? CMSG_SPACE(count * sizeof(int)) : room;
        }
        for (unsigned i = 0; i < count; i++) {
            const int taken = descriptor_new(packet->fds[i]);
            memcpy(CMSG_DATA(control) + i * sizeof taken, &taken, sizeof taken);
        }
    }
    message->msg_flags |= packet != NULL && packet->size > size ? MSG_TRUNC : 0;
    return get(file, message->msg_iov->iov_base, size, !file->nonblocking && (flags & MSG_DONTWAIT) == 0);
}

ssize_t __real_send(int fd, const void *bytes, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t size, int flags)
{
    if (!is_ours(fd))
        return __real_send(fd, bytes, size, flags);
    struct file *file = file_of(fd);
    MUST(is_socket(file) && (flags & MSG_NOSIGNAL) != 0);
    return put(file, &(struct iovec){(void *)bytes, size}, 1, NULL, 0, !file->nonblocking && (flags & MSG_DONTWAIT) == 0);
}

ssize_t __real_recv(int fd, void *bytes, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags)
{
    if (!is_ours(fd))
        return __real_recv(fd, bytes, size, flags);
    struct file *file = file_of(fd);
    MUST(is_socket(file));
    return get(file, bytes, size, !file->nonblocking && (flags & MSG_DONTWAIT) == 0);
}

/* --- memory and what is read and written like it ------------------------------------------------------------------------- */

static ssize_t memory_read(const struct file *file, void *bytes, size_t size, size_t at)
{
    const size_t left = at < file->size ? file->size - at : 0, part = size < left ? size : left;
    MUST(file->kind == MEMORY || file->kind == EMPTY);
    if (part > 0)
        memcpy(bytes, file->bytes + at, part);
    return (ssize_t)part;
}

static int memory_resize(struct file *file, size_t size)
{
    MUST(file->kind == MEMORY);
    if (size > 0) {
        file->bytes = realloc(file->bytes, size);
        MUST(file->bytes != NULL);
    }
    if (size > file->size)
        memset(file->bytes + file->size, 0, size - file->size);
    file->size = size;
    return 0;
}

static ssize_t memory_write(struct file *file, const void *bytes, size_t size, size_t at)
{
    MUST(file->kind == MEMORY || file->kind == EMPTY);
    if (file->kind == EMPTY || size == 0)
        return (ssize_t)size;
    if (at + size > file->size)
        memory_resize(file, at + size);
    memcpy(file->bytes + at, bytes, size);
    return (ssize_t)size;
}

ssize_t __real_read(int fd, void *bytes, size_t size);
ssize_t __wrap_read(int fd, void *bytes, size_t size);
ssize_t __wrap_read(int fd, void *bytes, size_t size)
{
    if (!is_ours(fd))
        return __real_read(fd, bytes, size);
    struct file *file = file_of(fd);
    if (is_socket(file) || file->kind == PIPE_READ)
        return get(file, bytes, size, !file->nonblocking);
    if (file->kind == PIPE_WRITE)
        return fail(EBADF);
    if (file->kind == EPOLL || file->kind == PROCESS)
        return fail(EINVAL);
    const ssize_t n = memory_read(file, bytes, size, file->position);
    file->position += (size_t)n;
    return n;
}

ssize_t __real_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);
ssize_t __wrap_write(int fd, const void *bytes, size_t size)
{
    if (!is_ours(fd))
        return __real_write(fd, bytes, size);
    struct file *file = file_of(fd);
    if (is_socket(file) || file->kind == PIPE_WRITE)
        return put(file, &(struct iovec){(void *)bytes, size}, 1, NULL, 0, !file->nonblocking);
    const ssize_t n = memory_write(file, bytes, size, file->position);
    file->position += (size_t)n;
    return n;
}

ssize_t __real_pread64(int fd, void *bytes, size_t size, off_t at);
ssize_t __wrap_pread64(int fd, void *bytes, size_t size, off_t at);
ssize_t __wrap_pread64(int fd, void *bytes, size_t size, off_t at)
{
    if (!is_ours(fd))
        return __real_pread64(fd, bytes, size, at);
    const struct file *file = file_of(fd);
    return file->kind == MEMORY || file->kind == EMPTY ? memory_read(file, bytes, size, (size_t)at) : fail(ESPIPE);
}

ssize_t __real_pwrite64(int fd, const void *bytes, size_t size, off_t at);
ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t size, off_t at);
ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t size, off_t at)
{
    return is_ours(fd) ? memory_write(file_of(fd), bytes, size, (size_t)at) : __real_pwrite64(fd, bytes, size, at);
}

int __real_ftruncate64(int fd, off_t size);
int __wrap_ftruncate64(int fd, off_t size);
int __wrap_ftruncate64(int fd, off_t size)
{
    return is_ours(fd) ? memory_resize(file_of(fd), (size_t)size) : __real_ftruncate64(fd, size);
}

/* --- waiting ------------------------------------------------------------------------------------------------------------- */

static unsigned ready_of(const struct file *file);

static unsigned file_ready(const struct file *file)
{
    const unsigned readable = file->packets > 0 ? EPOLLIN : 0;
    switch (file->kind) {
    case STREAM:
    case PACKETS:
        if (file->peer == NULL)
            return EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLRDHUP | (file->reset ? EPOLLERR : 0);
        return readable | (unsendable(file) == 0 ? EPOLLOUT : 0);
    case PIPE_READ:
        return readable | (file->peer == NULL ? EPOLLHUP : 0);
    case PIPE_WRITE:
        return file->peer == NULL ? EPOLLOUT | EPOLLERR : unsendable(file) == 0 ? EPOLLOUT : 0;
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
    return file_ready(file_of(fd));
}

int __real_epoll_ctl(int epoll, int what, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int what, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
    if (!is_ours(epoll))
        return __real_epoll_ctl(epoll, what, fd, event);
    struct watches *watches = file_of(epoll)->watches;
    struct file *file = file_of(fd);
    MUST(watches != NULL);
    if (file->kind == MEMORY || file->kind == EMPTY)
        return fail(EPERM);
    struct watch *watch = NULL;
    for (unsigned i = 0; i < watches->count; i++)
        if (watches->of[i].fd == fd && watches->of[i].file == file)
            watch = &watches->of[i];
    if ((watch == NULL) != (what == EPOLL_CTL_ADD))
        return fail(watch == NULL ? ENOENT : EEXIST);
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
    if (!is_ours(epoll))
        return __real_epoll_wait(epoll, events, most, timeout);
    struct watches *watches = file_of(epoll)->watches;
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
    if (count != 1 || !is_ours(fds->fd))
        return __real_poll(fds, count, timeout);
    fds->revents = (short)(descriptor_ready(fds->fd) & ((unsigned)fds->events | POLLHUP | POLLERR));
    MUST(fds->revents != 0 || timeout >= 0);
    return fds->revents != 0;
}
