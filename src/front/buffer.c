/* buffer.c: see buffer.h. Runs in the front. */
#include "front/buffer.h"

#include "front/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_FIRST = 512 };

void buffer_init(struct buffer *buffer, size_t max)
{
    *buffer = (struct buffer){.max = max};
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    buffer->data = NULL;
    buffer->size = buffer->capacity = 0;
}

void buffer_reset(struct buffer *buffer, size_t keep)
{
    if (buffer->capacity > keep)
        buffer_free(buffer);
    buffer->size = 0;
    buffer->failed = false;
}

char *buffer_room(struct buffer *buffer, size_t more)
{
    if (more > buffer->max - buffer->size) {
        buffer->failed = true;
        return NULL;
    }
    if (more > buffer->capacity - buffer->size) {
        size_t capacity = buffer->capacity == 0 ? BUFFER_FIRST : buffer->capacity * 2;
        if (capacity < buffer->size + more)
            capacity = buffer->size + more;
        if (capacity > buffer->max)
            capacity = buffer->max;
        char *data = realloc(buffer->data, capacity);
        if (data == NULL && !buffer->may_fail)
            memory_needed(data);
        if (data == NULL) {
            buffer->failed = true;
            return NULL;
        }
        buffer->data = data;
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->size;
}

bool buffer_append(struct buffer *buffer, const void *bytes, size_t size)
{
    if (size == 0)
        return true;
    char *room = buffer_room(buffer, size);
    if (room == NULL)
        return false;
    memcpy(room, bytes, size);
    buffer->size += size;
    return true;
}

bool buffer_text(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, text, strlen(text));
}

bool buffer_format(struct buffer *buffer, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof line) {
        buffer->failed = true;
        return false;
    }
    return buffer_append(buffer, line, (size_t)n);
}
