/* walk.c: see collector.h. Nothing of the run lives any more, so nothing changes under it; but everything in the folder was made by
 * a hostile program. A name is only ever opened below a folder that is open already, never through a link, and what is no
 * regular file is not read. Depth, number, sizes and time are bounded; no memory is allocated. */
#include "collector/collector.h"
#include "collector/glob.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DEPTH_MAX = 16, ENTRIES_BYTES = 16 * 1024, COPY_BYTES = 64 * 1024 };

struct folder {
    int fd;
    size_t path_size; /* of its own path, in `path` */
    size_t used, at;  /* of `entries` */
    _Alignas(struct dirent) char entries[ENTRIES_BYTES];
};

static struct folder folders[DEPTH_MAX];
static char path[COLLECT_PATH_BYTES_MAX + 1];
static const struct collect_request *request;
static uint64_t left; /* bytes that may still be sent */
static uint32_t sent, problems;
static struct {
    uint64_t device, inode;
} linked[COLLECT_FILES_MAX]; /* files with more than one name that have been sent */
static uint32_t linked_count;

static void send_all(const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t n = send(COLLECTOR_CLIENT, at, size, MSG_NOSIGNAL);
        if (n <= 0)
            _exit(1);
        at += n;
        size -= (size_t)n;
    }
}

static int open_below(int folder, const char *name, uint64_t flags)
{
    const struct open_how how = {
        .flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | flags,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    return (int)syscall(SYS_openat2, folder, name, &how, sizeof how);
}

static void send_entry(uint64_t size, enum collect_reason reason)
{
    const struct collect_entry entry = {.path_size = (uint32_t)strlen(path), .reason = reason, .size = size};
    send_all(&entry, sizeof entry);
    send_all(path, entry.path_size);
    sent++;
}

/* True when the file has been sent under another name. */
static bool is_sent(const struct stat *st)
{
    if (st->st_nlink < 2)
        return false;
    for (uint32_t i = 0; i < linked_count; i++)
        if (linked[i].device == st->st_dev && linked[i].inode == st->st_ino)
            return true;
    linked[linked_count].device = st->st_dev;
    linked[linked_count++].inode = st->st_ino;
    return false;
}

static void send_file(int fd, uint64_t size)
{
    static char bytes[COPY_BYTES];
    send_entry(size, COLLECT_WHOLE);
    left -= size;
    while (size > 0) {
        ssize_t n = read(fd, bytes, size < sizeof bytes ? (size_t)size : sizeof bytes);
        if (n <= 0) /* shorter than it was: the client sees that the end is missing */
            _exit(1);
        send_all(bytes, (size_t)n);
        size -= (uint64_t)n;
    }
}

static enum collect_reason refusal(int error)
{
    return error == ELOOP ? COLLECT_LINK : error == ENXIO ? COLLECT_SPECIAL : COLLECT_UNREADABLE;
}

/* A name that a pattern means. */
static void take(int folder, const char *name)
{
    struct stat st;
    if (sent == COLLECT_FILES_MAX) {
        problems |= COLLECT_TOO_MANY;
        return;
    }
    int fd = open_below(folder, name, 0);
    if (fd < 0) {
        send_entry(0, refusal(errno));
        return;
    }
    if (fstat(fd, &st) != 0)
        send_entry(0, COLLECT_UNREADABLE);
    else if (!S_ISREG(st.st_mode))
        send_entry(0, COLLECT_SPECIAL);
    else if ((uint64_t)st.st_size > left)
        send_entry((uint64_t)st.st_size, COLLECT_TOO_LARGE);
    else if (is_sent(&st))
        send_entry((uint64_t)st.st_size, COLLECT_SAME);
    else
        send_file(fd, (uint64_t)st.st_size);
    close(fd);
}

static bool is_wanted(void)
{
    const bool program = strcmp(path, "main.py") == 0; /* meant only by its name */
    for (uint32_t i = 0; i < request->count; i++)
        if (program ? strcmp(request->patterns[i], path) == 0 : glob_match(request->patterns[i], path))
            return true;
    return false;
}

/* What the name is, without opening it: a FIFO must not even be that. */
static mode_t kind_of(int folder, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type != DT_UNKNOWN)
        return DTTOIF(entry->d_type);
    return fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_mode & S_IFMT : 0;
}

/* Looks at one name; true when it is a folder that has been entered. */
static bool visit(size_t depth, const struct dirent *entry)
{
    struct folder *folder = &folders[depth];
    const size_t size = strlen(entry->d_name);
    if (folder->path_size + size > COLLECT_PATH_BYTES_MAX) {
        problems |= COLLECT_TOO_DEEP;
        return false;
    }
    memcpy(path + folder->path_size, entry->d_name, size + 1);
    const mode_t kind = kind_of(folder->fd, entry);
    if (!S_ISDIR(kind)) {
        if (is_wanted() && (S_ISREG(kind) || S_ISLNK(kind)))
            take(folder->fd, entry->d_name);
        else if (is_wanted() && sent < COLLECT_FILES_MAX)
            send_entry(0, COLLECT_SPECIAL);
        return false;
    }
    if (depth + 1 == DEPTH_MAX) {
        problems |= COLLECT_TOO_DEEP;
        return false;
    }
    struct folder *below = &folders[depth + 1];
    below->fd = open_below(folder->fd, entry->d_name, O_DIRECTORY);
    if (below->fd < 0) {
        problems |= COLLECT_CLOSED_FOLDER;
        return false;
    }
    path[folder->path_size + size] = '/';
    below->path_size = folder->path_size + size + 1;
    below->used = below->at = 0;
    return true;
}

/* The next name of a folder, but "." and ".."; NULL at its end. */
static const struct dirent *next_entry(struct folder *folder)
{
    for (;;) {
        if (folder->at >= folder->used) {
            long n = syscall(SYS_getdents64, folder->fd, folder->entries, sizeof folder->entries);
            if (n <= 0)
                return NULL;
            folder->used = (size_t)n;
            folder->at = 0;
        }
        const struct dirent *entry = (const struct dirent *)(folder->entries + folder->at); /* struct dirent64 on 64 bits */
        folder->at += entry->d_reclen;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return entry;
    }
}

_Noreturn void collector_walk(const struct collect_request *wanted, uint64_t limit)
{
    request = wanted;
    left = limit;
    size_t depth = 0;
    folders[0].fd = open_below(AT_FDCWD, ".", O_DIRECTORY);
    if (folders[0].fd < 0)
        _exit(1);
    for (;;) {
        const struct dirent *entry = next_entry(&folders[depth]);
        if (entry != NULL) {
            depth += visit(depth, entry);
            continue;
        }
        close(folders[depth].fd);
        if (depth == 0)
            break;
        depth--;
    }
    const struct collect_entry end = {.reason = COLLECT_END, .size = problems};
    send_all(&end, sizeof end);
    _exit(0);
}
