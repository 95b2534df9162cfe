/* output.c: see output.h. Runs in the front; the bytes are a program's and hostile. */
#include "front/output.h"

#include "front/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUTPUT_FIRST = 4096, UTF8_CONTINUATION_MAX = 3 };

void output_init(struct output *output, size_t limit)
{
    *output = (struct output){.limit = limit};
}

void output_free(struct output *output)
{
    free(output->head);
    free(output->tail);
    output->head = output->tail = NULL;
    output->head_size = output->tail_size = output->head_capacity = output->tail_capacity =
        output->tail_start = 0;
}

static size_t head_max(const struct output *output)
{
    return output->limit / 2;
}

static size_t tail_max(const struct output *output)
{
    return output->limit - output->limit / 2;
}

/* Grows to hold `need` bytes, at most `max`. Only called while the contents are contiguous from the start. */
static void grow(char **data, size_t *capacity, size_t need, size_t max)
{
    if (need <= *capacity)
        return;
    size_t wanted = *capacity < OUTPUT_FIRST ? OUTPUT_FIRST : *capacity * 2;
    if (wanted < need)
        wanted = need;
    if (wanted > max)
        wanted = max;
    *data = memory_needed(realloc(*data, wanted));
    *capacity = wanted;
}

static void ring_append(struct output *output, const char *bytes, size_t size)
{
    size_t max = output->tail_capacity;
    if (max == 0) /* a limit of one byte is all head */
        return;
    if (size > max) { /* only its end will be left */
        bytes += size - max;
        size = max;
        output->tail_size = 0;
        output->tail_start = 0;
    }
    size_t at = (output->tail_start + output->tail_size) % max;
    size_t first = size < max - at ? size : max - at;
    memcpy(output->tail + at, bytes, first);
    memcpy(output->tail, bytes + first, size - first);
    output->tail_size += size;
    if (output->tail_size > max) {
        output->tail_start = (output->tail_start + output->tail_size - max) % max;
        output->tail_size = max;
    }
}

void output_append(struct output *output, const char *bytes, size_t size)
{
    output->total += size;
    size_t room = head_max(output) - output->head_size;
    size_t first = size < room ? size : room;
    if (first > 0 && output->tail_size == 0) {
        grow(&output->head, &output->head_capacity, output->head_size + first, head_max(output));
        memcpy(output->head + output->head_size, bytes, first);
        output->head_size += first;
        bytes += first;
        size -= first;
    }
    if (size == 0)
        return;
    size_t need = output->tail_size + size < tail_max(output) ? output->tail_size + size : tail_max(output);
    grow(&output->tail, &output->tail_capacity, need, tail_max(output));
    ring_append(output, bytes, size);
}

bool output_truncated(const struct output *output)
{
    return output->total > output->head_size + output->tail_size;
}

size_t output_tail(const struct output *output, char *bytes, size_t most)
{
    size_t from_tail = output->tail_size < most ? output->tail_size : most, from_head = 0;
    if (!output_truncated(output)) /* head and tail meet */
        from_head = most - from_tail < output->head_size ? most - from_tail : output->head_size;
    if (from_head > 0)
        memcpy(bytes, output->head + output->head_size - from_head, from_head);
    for (size_t i = 0; i < from_tail; i++)
        bytes[from_head + i] = output->tail[(output->tail_start + output->tail_size - from_tail + i) % output->tail_capacity];
    return from_head + from_tail;
}

char output_last(const struct output *output)
{
    if (output->tail_size > 0)
        return output->tail[(output->tail_start + output->tail_size - 1) % output->tail_capacity];
    return output->head_size > 0 ? output->head[output->head_size - 1] : 0;
}

/* The size of `bytes` without a character that is cut off at the end. */
static size_t whole_characters(const char *bytes, size_t size)
{
    for (size_t back = 1; back <= UTF8_CONTINUATION_MAX && back <= size; back++) {
        unsigned char c = (unsigned char)bytes[size - back];
        unsigned bad = 1;
        if ((c & 0xc0) == 0x80)
            continue;
        if (c >= 0xc0 && utf8_character((const unsigned char *)bytes + size - back, back, &bad) == 0 &&
            bad == 0)
            return size - back;
        break;
    }
    return size;
}

static void write_ring(const struct output *output, size_t skip, struct json_text *text)
{
    if (output->tail_size <= skip)
        return;
    size_t start = (output->tail_start + skip) % output->tail_capacity, size = output->tail_size - skip;
    size_t first = size < output->tail_capacity - start ? size : output->tail_capacity - start;
    json_text_add(text, output->tail + start, first);
    json_text_add(text, output->tail, size - first);
}

void output_write(const struct output *output, struct json_text *text)
{
    if (!output_truncated(output)) {
        json_text_add(text, output->head, output->head_size);
        write_ring(output, 0, text);
        return;
    }
    size_t head = whole_characters(output->head, output->head_size), skip = 0;
    while (skip < UTF8_CONTINUATION_MAX && skip < output->tail_size &&
           ((unsigned char)output->tail[(output->tail_start + skip) % output->tail_capacity] & 0xc0) == 0x80)
        skip++;
    char line[80];
    bool at_line_start = head == 0 || output->head[head - 1] == '\n';
    unsigned long long missing = output->total - head - (output->tail_size - skip);
    int size =
        snprintf(line, sizeof line, "%s... [%llu bytes omitted] ...\n", at_line_start ? "" : "\n", missing);
    json_text_add(text, output->head, head);
    json_text_add(text, line, (size_t)size);
    write_ring(output, skip, text);
}
