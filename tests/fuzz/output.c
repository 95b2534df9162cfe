/* output.c: what a program printed, as it comes and is kept. The first byte is the limit, the second the pieces' size; the rest
 * is printed. However it comes, the answer's text is the same, is UTF-8, and holds the first and the last of it. */
#include "fuzz.h"

#include "common/utf8.h"
#include "front/json_in.h"
#include "front/output.h"

#include <jansson.h>

enum { PIECE_BITS = 6, TAIL = 40 };

static void print(const uint8_t *bytes, size_t size, size_t limit, size_t piece, struct buffer *json)
{
    struct output output;
    struct json_text text;
    char tail[TAIL];
    output_init(&output, limit);
    for (size_t at = 0; at < size; at += piece) {
        const size_t length = size - at < piece ? size - at : piece;
        char *copy = copy_of(bytes + at, length, false);
        output_append(&output, copy, length);
        free(copy);
    }
    MUST(output.total == size && output_truncated(&output) == (size > limit));
    MUST(output.head_size + output.tail_size == (size < limit ? size : limit));
    MUST(output_last(&output) == (size > 0 && limit > 0 ? (char)bytes[size - 1] : 0));
    const size_t last = output_tail(&output, tail, sizeof tail);
    MUST(last <= size && (last == 0 || memcmp(tail, bytes + size - last, last) == 0));
    json_text_begin(&text, json);
    output_write(&output, &text);
    json_text_end(&text);
    output_free(&output);
}

/* As bytes.decode("utf-8", "replace"). */
static void decode(const uint8_t *bytes, size_t size, struct buffer *text)
{
    for (size_t at = 0; at < size;) {
        unsigned bad = 0;
        unsigned length = utf8_character(bytes + at, size - at, &bad);
        MUST(utf8_sequence(bytes + at, size - at) == length);
        MUST(length <= size - at && (length > 0 || bad <= size - at));
        if (length > 0) {
            buffer_append(text, bytes + at, length);
        } else {
            buffer_text(text, "\xef\xbf\xbd");
            length = bad > 0 ? bad : (unsigned)(size - at);
        }
        at += length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_set_alloc_funcs(arena_take, arena_leave);
    arena.used = 0;
    static const char omitted[] = " bytes omitted] ...";
    struct input input = {data, size};
    const size_t limit = take_byte(&input), piece = 1 + (take_byte(&input) & ((1 << PIECE_BITS) - 1));
    struct buffer whole, split, expected;
    const size_t most = 6 * size + 1000;

    buffer_init(&whole, most);
    buffer_init(&split, most);
    buffer_init(&expected, most);
    print(input.data, input.size, limit, input.size + 1, &whole);
    print(input.data, input.size, limit, piece, &split);
    MUST(whole.size == split.size && memcmp(whole.data, split.data, whole.size) == 0);
    MUST(utf8_valid(whole.data, whole.size));
    json_t *text = json_loadb(whole.data, whole.size, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
    MUST(json_is_string(text));
    decode(input.data, input.size, &expected);
    if (input.size <= limit)
        MUST(json_string_length(text) == expected.size &&
             (expected.size == 0 || memcmp(json_string_value(text), expected.data, expected.size) == 0));
    else
        MUST(memmem(whole.data, whole.size, omitted, sizeof omitted - 1) != NULL);
    json_decref(text);
    buffer_free(&whole);
    buffer_free(&split);
    buffer_free(&expected);
    return 0;
}
