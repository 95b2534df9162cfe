/* fuzz.h: what every fuzz target has. A target is one LLVMFuzzerTestOneInput(), which stops the process at anything that must
 * not be. libFuzzer feeds it (`make fuzz`); replay.c feeds it its corpus, as one of the unit tests. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                 \
    do {                                                                                \
        if (!(condition)) {                                                             \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);       \
            abort();                                                                    \
        }                                                                               \
    } while (0)

/* An input read from its beginning. Past its end everything is zero. */
struct input {
    const uint8_t *data;
    size_t size;
};

static inline size_t take(struct input *input, void *to, size_t size)
{
    const size_t have = size < input->size ? size : input->size;
    memset(to, 0, size);
    if (have > 0)
        memcpy(to, input->data, have);
    input->data += have;
    input->size -= have;
    return have;
}

static inline uint8_t take_byte(struct input *input)
{
    uint8_t byte;
    take(input, &byte, sizeof byte);
    return byte;
}

/* A copy in memory of exactly its size, with a NUL behind where `ended`, so that reading beyond it is noticed. */
static inline char *copy_of(const void *bytes, size_t size, bool ended)
{
    char *copy = calloc(1, size + ended > 0 ? size + ended : 1);
    MUST(copy != NULL);
    if (size > 0)
        memcpy(copy, bytes, size);
    if (ended)
        copy[size] = '\0';
    return copy;
}

/* For whoever reads what comes of an input with Jansson: it takes its memory from one piece, which is empty again for the next input. */
enum { ARENA_SIZE = 1 << 22, ARENA_STEP = 16 };

static struct {
    _Alignas(ARENA_STEP) char bytes[ARENA_SIZE];
    size_t used;
} arena __attribute__((unused));

static inline void *arena_take(size_t size)
{
    size = (size + ARENA_STEP - 1) / ARENA_STEP * ARENA_STEP;
    MUST(size <= ARENA_SIZE - arena.used);
    arena.used += size;
    return arena.bytes + arena.used - size;
}

static inline void arena_leave(void *bytes)
{
    (void)bytes;
}
