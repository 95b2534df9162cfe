/* json_out.h: writes JSON into a buffer, as Python's json does with ensure_ascii=False and compact separators.
 *
 * Text may be arbitrary bytes: what is not UTF-8 becomes U+FFFD, one for each maximal subpart, as
 * bytes.decode("utf-8", "replace") does. A string may be written in pieces that split characters. */
#pragma once

#include "front/buffer.h"

#include <jansson.h>
#include <stdint.h>

/* Marks a word's bytes that are a quote, a backslash or a control character: the classic test for a byte that is zero, or below a
 * number. What it marks wrongly lies above what it marks rightly; 0: there is none. */
static inline uint64_t json_special_bytes(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    const uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
    return (((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) | ((word - ones * 0x20) & ~word)) & tops;
}

/* A string under construction. Zero-initialise, then json_text_begin(). */
struct json_text {
    struct buffer *out;
    unsigned char pending[3]; /* the valid beginning of a character whose rest has not come yet */
    unsigned pending_size;
};

void json_text_begin(struct json_text *text, struct buffer *out);
void json_text_add(struct json_text *text, const char *bytes, size_t size);
void json_text_end(struct json_text *text);

/* A whole string, quotes included. */
void json_write_string(struct buffer *out, const char *bytes, size_t size);

/* A float as Python's repr() writes it: 5.0, 0.1, 1e+100. The value must be finite. */
void json_write_double(struct buffer *out, double value);

/* Nanoseconds as seconds, rounded to microseconds: 0.000123, 5.0. */
void json_write_seconds(struct buffer *out, uint64_t ns);

/* A tree, as json.dumps(value, ensure_ascii=False, separators=(",", ":")). */
void json_write_value(struct buffer *out, const json_t *value);

/* The shortest text for a number that a person reads: 5, 0.5. Not JSON. `text` has at least NUMBER_TEXT_MAX bytes. */
enum { NUMBER_TEXT_MAX = 40 };
void number_text(double value, char *text);

/* How many bytes of `bytes` form one whole valid UTF-8 character: 1 to 4. 0: they do not begin one; `*bad` is then
 * the length of the maximal subpart to replace (at least 1), or 0 if the character is valid so far but cut off. */
unsigned utf8_character(const unsigned char *bytes, size_t size, unsigned *bad);
