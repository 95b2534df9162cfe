/* json_out.c: see json_out.h. Runs in the front; trusts nothing about the bytes that it writes. */
#include "front/json_out.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char REPLACEMENT[] = "\xef\xbf\xbd"; /* U+FFFD */

unsigned utf8_character(const unsigned char *bytes, size_t size, unsigned *bad)
{
    unsigned char first = bytes[0], low = 0x80, high = 0xbf;
    unsigned length;

    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf) {
        length = 2;
    } else if ((first & 0xf0) == 0xe0) {
        length = 3;
        if (first == 0xe0)
            low = 0xa0; /* overlong */
        else if (first == 0xed)
            high = 0x9f; /* surrogates */
    } else if (first >= 0xf0 && first <= 0xf4) {
        length = 4;
        if (first == 0xf0)
            low = 0x90; /* overlong */
        else if (first == 0xf4)
            high = 0x8f; /* past U+10FFFF */
    } else {
        *bad = 1;
        return 0;
    }
    for (unsigned i = 1; i < length; i++) {
        if (i >= size) {
            *bad = 0;
            return 0;
        }
        if (bytes[i] < low || bytes[i] > high) {
            *bad = i;
            return 0;
        }
        low = 0x80;
        high = 0xbf;
    }
    return length;
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static void write_escaped(struct buffer *out, unsigned char c)
{
    static const char short_form[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};

    if (c >= 0x20)
        buffer_append(out, (char[]){'\\', (char)c}, 2);
    else if (short_form[c] != 0)
        buffer_append(out, (char[]){'\\', short_form[c]}, 2);
    else
        buffer_format(out, "\\u%04x", c);
}

/* Finishes the character that the last piece cut off. Returns how many bytes of this piece it took. */
static size_t finish_pending(struct json_text *text, const unsigned char *bytes, size_t size)
{
    unsigned char whole[4];
    unsigned had = text->pending_size, have = had, bad = 0;

    memcpy(whole, text->pending, had);
    while (have < 4 && have - had < size) {
        whole[have] = bytes[have - had];
        have++;
    }
    unsigned length = utf8_character(whole, have, &bad);
    if (length > 0) {
        text->pending_size = 0;
        buffer_append(text->out, whole, length);
        return length - had;
    }
    if (bad > 0) {
        text->pending_size = 0;
        buffer_append(text->out, REPLACEMENT, 3);
        return bad - had;
    }
    memcpy(text->pending, whole, have);
    text->pending_size = have;
    return have - had;
}

void json_text_begin(struct json_text *text, struct buffer *out)
{
    *text = (struct json_text){.out = out};
    buffer_byte(out, '"');
}

void json_text_add(struct json_text *text, const char *chars, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)chars;
    size_t at = 0;

    if (text->pending_size > 0 && size > 0)
        at = finish_pending(text, bytes, size);
    while (at < size) {
        size_t end = at;
        for (uint64_t word; size - end >= sizeof word; end += sizeof word) {
            memcpy(&word, bytes + end, sizeof word);
            if (((word & 0x8080808080808080u) | json_special_bytes(word)) != 0)
                break;
        }
        while (end < size && is_plain(bytes[end]))
            end++;
        buffer_append(text->out, bytes + at, end - at);
        at = end;
        if (at == size)
            break;
        if (bytes[at] < 0x80) {
            write_escaped(text->out, bytes[at++]);
            continue;
        }
        unsigned bad = 0, length = utf8_character(bytes + at, size - at, &bad);
        if (length > 0) {
            buffer_append(text->out, bytes + at, length);
            at += length;
        } else if (bad > 0) {
            buffer_append(text->out, REPLACEMENT, 3);
            at += bad;
        } else {
            text->pending_size = (unsigned)(size - at);
            memcpy(text->pending, bytes + at, size - at);
            at = size;
        }
    }
}

void json_text_end(struct json_text *text)
{
    if (text->pending_size > 0)
        buffer_append(text->out, REPLACEMENT, 3);
    text->pending_size = 0;
    buffer_byte(text->out, '"');
}

void json_write_string(struct buffer *out, const char *bytes, size_t size)
{
    struct json_text text;
    json_text_begin(&text, out);
    json_text_add(&text, bytes, size);
    json_text_end(&text);
}

/* Takes the zeros at the end of "d.ddd000e+xx" away, and the point where nothing is behind it then. */
static void strip_zeros(char *text)
{
    char *exponent = strchr(text, 'e'), *end = exponent;
    while (end[-1] == '0')
        end--;
    end -= end[-1] == '.';
    memmove(end, exponent, strlen(exponent) + 1);
}

/* The shortest decimal digits that read back as `value`; "d.ddde+xx" as printf's %e writes it. What has at most DBL_DIG digits is found
 * with that many at once, and is then followed by zeros, except in a subnormal number, of which fewer digits are enough. */
static void shortest(double value, char *text, size_t size)
{
    for (int digits = isnormal(value) ? DBL_DIG : 1; digits <= DBL_DECIMAL_DIG; digits++) {
        snprintf(text, size, "%.*e", digits - 1, value);
        if (strtod(text, NULL) == value)
            break;
    }
    if (strchr(text, '.') != NULL)
        strip_zeros(text);
}

static void write_double(double value, bool whole_with_point, char *text, size_t size)
{
    enum { REPR_EXPONENT_LOW = -4, REPR_EXPONENT_HIGH = 16 }; /* outside, repr() writes an exponent */
    char scientific[NUMBER_TEXT_MAX];

    shortest(value, scientific, sizeof scientific);
    char *e = strchr(scientific, 'e');
    int exponent = atoi(e + 1), digits = (int)(e - scientific) - (scientific[0] == '-');
    digits = digits > 1 ? digits - 1 : 1; /* without the point */
    if (exponent < REPR_EXPONENT_LOW || exponent >= REPR_EXPONENT_HIGH) {
        snprintf(text, size, "%s", scientific);
        return;
    }
    int decimals = digits - 1 - exponent;
    snprintf(text, size, "%.*f%s", decimals > 0 ? decimals : 0, value,
             decimals <= 0 && whole_with_point ? ".0" : "");
}

void json_write_double(struct buffer *out, double value)
{
    char text[NUMBER_TEXT_MAX];
    if (!isfinite(value)) {
        buffer_text(out, "null");
        return;
    }
    write_double(value, true, text, sizeof text);
    buffer_text(out, text);
}

void number_text(double value, char *text)
{
    write_double(value, false, text, NUMBER_TEXT_MAX);
}

void json_write_seconds(struct buffer *out, uint64_t ns)
{
    enum { NS_PER_US = 1000, US_PER_S = 1000000, DECIMALS = 6 };
    uint64_t us = (ns + NS_PER_US / 2) / NS_PER_US;
    char text[NUMBER_TEXT_MAX];

    int size = snprintf(text, sizeof text, "%llu.%06llu", (unsigned long long)(us / US_PER_S),
                        (unsigned long long)(us % US_PER_S));
    for (int trimmed = 0; trimmed < DECIMALS - 1 && text[size - 1] == '0'; trimmed++)
        size--;
    buffer_append(out, text, (size_t)size);
}

void json_write_value(struct buffer *out, const json_t *value)
{
    const char *key;
    json_t *item;
    size_t index;
    bool first = true;

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        buffer_byte(out, '{');
        json_object_foreach((json_t *)value, key, item)
        {
            if (!first)
                buffer_byte(out, ',');
            first = false;
            json_write_string(out, key, strlen(key));
            buffer_byte(out, ':');
            json_write_value(out, item);
        }
        buffer_byte(out, '}');
        break;
    case JSON_ARRAY:
        buffer_byte(out, '[');
        json_array_foreach((json_t *)value, index, item)
        {
            if (!first)
                buffer_byte(out, ',');
            first = false;
            json_write_value(out, item);
        }
        buffer_byte(out, ']');
        break;
    case JSON_STRING:
        json_write_string(out, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        buffer_format(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        json_write_double(out, json_real_value(value));
        break;
    case JSON_TRUE:
        buffer_text(out, "true");
        break;
    case JSON_FALSE:
        buffer_text(out, "false");
        break;
    case JSON_NULL:
        buffer_text(out, "null");
        break;
    }
}
