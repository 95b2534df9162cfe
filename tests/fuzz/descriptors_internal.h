/* descriptors_internal.h: what descriptors.c and descriptors_ready.c share: open files. */
#pragma once

#include "descriptors.h"
#include "fuzz.h"

enum { PACKET_FDS_MAX = 16 };

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

/* Whether the number is one of this table's. */
bool descriptor_is_ours(int fd);

/* The open file of a number of this table's. It is a bug where there is none. */
struct file *descriptor_file(int fd);

/* A file that nobody holds yet, and a number for one. */
struct file *file_new(enum kind kind, bool nonblocking);
int descriptor_new(struct file *file);

/* 0 where bytes can be sent now, else the error that sending them brings. */
int file_unsendable(const struct file *file);

/* descriptors_ready.c: no epoll watches the file any more; an epoll itself is no more. */
void watches_forget(const struct file *file);
void watches_end(struct file *file);
