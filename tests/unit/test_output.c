/* The capture of a stream: head and tail kept, the middle dropped, characters whole. */
#include "front/output.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

static char *text_of(const struct output *output)
{
    struct buffer out;
    struct json_text text;
    buffer_init(&out, 1 << 20);
    json_text_begin(&text, &out);
    output_write(output, &text);
    json_text_end(&text);
    buffer_byte(&out, '\0');
    return out.data;
}

static void expect(struct output *output, const char *expected)
{
    char *text = text_of(output);
    assert_string_equal(text, expected);
    free(text);
    output_free(output);
}

static void nothing(void **state)
{
    struct output output;
    output_init(&output, 8);
    assert_false(output_truncated(&output));
    assert_int_equal(output_last(&output), 0);
    expect(&output, "\"\"");
}

static void exactly_the_limit(void **state)
{
    for (size_t piece = 1; piece <= 9; piece++) {
        struct output output;
        output_init(&output, 9);
        for (size_t at = 0; at < 9; at += piece)
            output_append(&output, &"123456789"[at], at + piece < 9 ? piece : 9 - at);
        assert_false(output_truncated(&output));
        assert_int_equal(output_last(&output), '9');
        expect(&output, "\"123456789\"");
    }
}

static void the_middle_is_dropped(void **state)
{
    static const char all[] = "0123456789abcdefghij";
    for (size_t piece = 1; piece <= sizeof all - 1; piece++) {
        struct output output;
        output_init(&output, 8);
        for (size_t at = 0; at < sizeof all - 1; at += piece)
            output_append(&output, all + at, at + piece < sizeof all - 1 ? piece : sizeof all - 1 - at);
        assert_true(output_truncated(&output));
        assert_int_equal(output.total, 20);
        assert_int_equal(output_last(&output), 'j');
        expect(&output, "\"0123\\n... [12 bytes omitted] ...\\nghij\"");
    }
}

static void no_second_newline(void **state)
{
    struct output output;
    output_init(&output, 8);
    output_append(&output, "012\n45678wxyz", 13);
    expect(&output, "\"012\\n... [5 bytes omitted] ...\\nwxyz\"");
}

static void characters_stay_whole(void **state)
{
    struct output output;
    output_init(&output, 8);
    for (int i = 0; i < 5; i++)
        output_append(&output, "\xe2\x82\xac", 3); /* the cuts fall inside the second and the fourth */
    expect(&output, "\"\xe2\x82\xac\\n... [9 bytes omitted] ...\\n\xe2\x82\xac\"");
}

static void large(void **state)
{
    enum { LIMIT = 100000, SIZE = 1 << 20 };
    char *bytes = malloc(SIZE);
    struct output output;
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)('a' + i % 26);
    output_init(&output, LIMIT);
    for (size_t at = 0; at < SIZE; at += 4093)
        output_append(&output, bytes + at, at + 4093 < SIZE ? 4093 : SIZE - at);
    char *text = text_of(&output);
    assert_memory_equal(text + 1, bytes, LIMIT / 2);
    assert_memory_equal(text + strlen(text) - 1 - LIMIT / 2, bytes + SIZE - LIMIT / 2, LIMIT / 2);
    free(text);
    free(bytes);
    output_free(&output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing),
                                       cmocka_unit_test(exactly_the_limit),
                                       cmocka_unit_test(the_middle_is_dropped),
                                       cmocka_unit_test(no_second_newline),
                                       cmocka_unit_test(characters_stay_whole),
                                       cmocka_unit_test(large)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
