/* descriptors.c: see descriptors.h. A descriptor is a number of an open file; files count who holds them, messages on their way
 * included. Sockets and pipes have a queue at the end that receives. */
#include "descriptors_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DESCRIPTORS_MAX = 1024,
    FILES_MAX = 1024,
    PACKETS_MAX = 32, /* in a queue; then it is full */
    STREAM_MAX = 1 << 16
};

static struct file files[FILES_MAX];
static struct file *descriptors[DESCRIPTORS_MAX];
static int lowest;
static size_t files_used, file_hint;

size_t descriptor_count(void)
{
    return files_used;
}

bool descriptor_is_ours(int fd)
{
    return fd >= DESCRIPTOR_FIRST && fd < DESCRIPTOR_FIRST + DESCRIPTORS_MAX;
}

struct file *descriptor_file(int fd)
{
    MUST(descriptor_is_ours(fd) && descriptors[fd - DESCRIPTOR_FIRST] != NULL);
    return descriptors[fd - DESCRIPTOR_FIRST];
}

static int fail(int error)
{
    errno = error;
    return -1;
}

struct file *file_new(enum kind kind, bool nonblocking)
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
int descriptor_new(struct file *file)
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

static void file_drop(struct file *file)
{
    if (--file->holders > 0)
        return;
    watches_forget(file);
    if (file->peer != NULL) {
        file->peer->peer = NULL;
        file->peer->reset = file->packets > 0 && file->kind != PIPE_READ; /* what it sent was not read */
    }
    while (file->first != NULL)
        packet_take(file);
    if (file->kind == EPOLL)
        watches_end(file);
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
    return descriptor_file(fd)->kind == PROCESS ? descriptor_file(fd)->process : NULL;
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
    return descriptor_is_ours(fd) ? descriptor_new(descriptor_file(fd)) : __real_dup(fd);
}

int __real_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    const long value = va_arg(args, long);
    va_end(args);
    if (!descriptor_is_ours(fd))
        return __real_fcntl64(fd, command, value);
    struct file *file = descriptor_file(fd);
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
    MUST(descriptor_file(fd) != NULL && uid == gid && uid != 0);
    return 0;
}

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
    if (!descriptor_is_ours(fd))
        return __real_close(fd);
    struct file *file = descriptor_file(fd);
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
int file_unsendable(const struct file *file)
{
    MUST(is_socket(file) || file->kind == PIPE_WRITE);
    if (file->peer == NULL)
        return EPIPE;
    return file->peer->packets >= PACKETS_MAX || file->peer->size >= STREAM_MAX ? EAGAIN : 0;
}

static ssize_t put(struct file *file, const struct iovec *parts, size_t count, const int *fds, unsigned fd_count, bool wait)
{
    const int why_not = file_unsendable(file);
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
        packet->fds[packet->fd_count] = descriptor_file(fds[i]);
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
    if (!descriptor_is_ours(fd))
        return __real_sendmsg(fd, message, flags);
    struct file *file = descriptor_file(fd);
    const struct cmsghdr *control = message->msg_controllen > 0 ? CMSG_FIRSTHDR(message) : NULL;
    int fds[PACKET_FDS_MAX];
    const size_t size = control != NULL ? control->cmsg_len - CMSG_LEN(0) : 0;
    MUST((flags & MSG_NOSIGNAL) != 0 && size <= sizeof fds);
    if (!is_socket(file)) /* whoever sent the descriptor may have sent any */
        return fail(ENOTSOCK);
    if (size > 0)
        memcpy(fds, CMSG_DATA(control), size);
    return put(file, message->msg_iov, message->msg_iovlen, fds, (unsigned)(size / sizeof *fds), !file->nonblocking && (flags & MSG_DONTWAIT) == 0);
}

ssize_t __real_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags)
{
    if (!descriptor_is_ours(fd))
        return __real_recvmsg(fd, message, flags);
    struct file *file = descriptor_file(fd);
    MUST((flags & MSG_CMSG_CLOEXEC) != 0 && message->msg_iovlen == 1);
    if (!is_socket(file))
        return fail(ENOTSOCK);
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
    if (!descriptor_is_ours(fd))
        return __real_send(fd, bytes, size, flags);
    struct file *file = descriptor_file(fd);
    MUST((flags & MSG_NOSIGNAL) != 0);
    if (!is_socket(file))
        return fail(ENOTSOCK);
    return put(file, &(struct iovec){(void *)bytes, size}, 1, NULL, 0, !file->nonblocking && (flags & MSG_DONTWAIT) == 0);
}

ssize_t __real_recv(int fd, void *bytes, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags)
{
    if (!descriptor_is_ours(fd))
        return __real_recv(fd, bytes, size, flags);
    struct file *file = descriptor_file(fd);
    if (!is_socket(file))
        return fail(ENOTSOCK);
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
    if (!descriptor_is_ours(fd))
        return __real_read(fd, bytes, size);
    struct file *file = descriptor_file(fd);
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
    if (!descriptor_is_ours(fd))
        return __real_write(fd, bytes, size);
    struct file *file = descriptor_file(fd);
    if (is_socket(file) || file->kind == PIPE_WRITE)
        return put(file, &(struct iovec){(void *)bytes, size}, 1, NULL, 0, !file->nonblocking);
    if (file->kind == PIPE_READ)
        return fail(EBADF);
    if (file->kind == EPOLL || file->kind == PROCESS)
        return fail(EINVAL);
    const ssize_t n = memory_write(file, bytes, size, file->position);
    file->position += (size_t)n;
    return n;
}

ssize_t __real_pread64(int fd, void *bytes, size_t size, off_t at);
ssize_t __wrap_pread64(int fd, void *bytes, size_t size, off_t at);
ssize_t __wrap_pread64(int fd, void *bytes, size_t size, off_t at)
{
    if (!descriptor_is_ours(fd))
        return __real_pread64(fd, bytes, size, at);
    const struct file *file = descriptor_file(fd);
    return file->kind == MEMORY || file->kind == EMPTY ? memory_read(file, bytes, size, (size_t)at) : fail(ESPIPE);
}

ssize_t __real_pwrite64(int fd, const void *bytes, size_t size, off_t at);
ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t size, off_t at);
ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t size, off_t at)
{
    return descriptor_is_ours(fd) ? memory_write(descriptor_file(fd), bytes, size, (size_t)at) : __real_pwrite64(fd, bytes, size, at);
}

int __real_ftruncate64(int fd, off_t size);
int __wrap_ftruncate64(int fd, off_t size);
int __wrap_ftruncate64(int fd, off_t size)
{
    return descriptor_is_ours(fd) ? memory_resize(descriptor_file(fd), (size_t)size) : __real_ftruncate64(fd, size);
}
