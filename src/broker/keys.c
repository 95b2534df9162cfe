/* keys.c: see keys.h. Runs in the broker; trusts who may write the file. */
#include "broker/keys.h"

#include "common/keys_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* The whole file; NULL with `err`. */
static char *read_whole(const char *path, size_t *size, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *text = fd >= 0 ? malloc(KEYS_FILE_MAX + 1) : NULL;
    ssize_t n = 0;

    *size = 0;
    while (text != NULL && *size <= KEYS_FILE_MAX && (n = read(fd, text + *size, KEYS_FILE_MAX + 1 - *size)) > 0)
        *size += (size_t)n;
    if (text == NULL || n < 0)
        error_set(err, errno, "cannot read it");
    else if (*size > KEYS_FILE_MAX)
        error_set(err, 0, "it has more than %d bytes", KEYS_FILE_MAX);
    if (fd >= 0)
        close(fd);
    if (text == NULL || n < 0 || *size > KEYS_FILE_MAX) {
        free(text);
        return NULL;
    }
    return text;
}

static int memory_file(const char *text, size_t size, struct error *err)
{
    int fd = memfd_create("keys", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd >= 0 && (size == 0 || write(fd, text, size) == (ssize_t)size) &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        return fd;
    error_set(err, errno, "cannot make a copy for the front");
    if (fd >= 0)
        close(fd);
    return -1;
}

int keys_open(const char *path, struct error *err)
{
    size_t size, count;
    struct key_entry *entries = NULL;
    char *text = read_whole(path, &size, err);
    int fd = -1;

    if (text != NULL && keys_parse(text, size, &entries, &count, err) == 0)
        fd = memory_file(text, size, err);
    free(entries);
    free(text);
    return fd >= 0 ? fd : error_wrap(err, "keys-file %s", path);
}
