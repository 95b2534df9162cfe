/* output.h: keeps what a program printed on one stream, with bounded memory: the first and the last part. */
#pragma once

#include "front/json_out.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output {
    size_t limit;   /* bytes kept */
    uint64_t total; /* bytes printed */
    char *head;     /* the first limit / 2 bytes */
    size_t head_size, head_capacity;
    char *tail; /* a ring of the last bytes; grows up to limit - limit / 2 */
    size_t tail_size, tail_capacity, tail_start;
};

void output_init(struct output *output, size_t limit);
void output_free(struct output *output);

void output_append(struct output *output, const char *bytes, size_t size);

/* True when something was dropped from the middle. */
bool output_truncated(const struct output *output);

/* Adds the kept bytes to a JSON string; where something is missing, a line of its own says how much. */
void output_write(const struct output *output, struct json_text *text);

/* Copies at most `most` of the last bytes printed; returns how many. */
size_t output_tail(const struct output *output, char *bytes, size_t most);

/* The last byte printed; 0 when there is none. */
char output_last(const struct output *output);
