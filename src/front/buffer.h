/* buffer.h: a growable run of bytes with a mandatory maximum. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

enum { BUFFER_SMALL = 4096 }; /* worth keeping on a connection between requests */

struct buffer {
    char *data;
    size_t size, capacity, max;
    bool failed; /* an append was refused: over `max`. Stays set; the contents are then incomplete. */
    bool may_fail; /* without memory it is refused, too; otherwise the process ends: memory.h */
};

/* An empty buffer that never holds more than `max` bytes. Nothing is allocated before the first append. */
void buffer_init(struct buffer *buffer, size_t max);
void buffer_free(struct buffer *buffer);

/* Forgets the contents, keeps the memory unless it is more than `keep` bytes. */
void buffer_reset(struct buffer *buffer, size_t keep);

/* Makes room for `more` bytes behind the contents and returns where they go, or NULL (and `failed`). */
char *buffer_room(struct buffer *buffer, size_t more);

/* All return false, and set `failed`, when the bytes do not fit. */
bool buffer_append(struct buffer *buffer, const void *bytes, size_t size);
bool buffer_text(struct buffer *buffer, const char *text);
bool buffer_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline bool buffer_byte(struct buffer *buffer, char byte)
{
    if (buffer->size == buffer->capacity && buffer_room(buffer, 1) == NULL)
        return false;
    buffer->data[buffer->size++] = byte;
    return true;
}
