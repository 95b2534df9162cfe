/* Text that is not UTF-8, escapes, numbers: what the front writes as JSON. */
#include "front/json_out.h"

#include "unit.h"

#include <string.h>

#define BAD "\xef\xbf\xbd"

static const struct {
    const char *bytes;
    size_t size;
    const char *json;
} texts[] = {
#define TEXT(bytes, json)             \
    {                                 \
        bytes, sizeof bytes - 1, json \
    }
    TEXT("", "\"\""),
    TEXT("plain", "\"plain\""),
    TEXT("a\"b\\c/d", "\"a\\\"b\\\\c/d\""),
    TEXT("\b\t\n\f\r", "\"\\b\\t\\n\\f\\r\""),
    TEXT("\x00\x01\x1f\x7f", "\"\\u0000\\u0001\\u001f\x7f\""),
    TEXT("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""),
    TEXT("\xff", "\"" BAD "\""),
    TEXT("\x80\xbf", "\"" BAD BAD "\""),
    TEXT("\xc0\x80", "\"" BAD BAD "\""), /* overlong */
    TEXT("\xe2\x82", "\"" BAD "\""),     /* cut off: one maximal subpart */
    TEXT("\xe2\x82"
         "a",
         "\"" BAD "a\""),
    TEXT("\xf0\x9f\x98"
         "a",
         "\"" BAD "a\""),
    TEXT("\xe0\x80\x80", "\"" BAD BAD BAD "\""), /* overlong */
    TEXT("\xed\xa0\x80", "\"" BAD BAD BAD "\""), /* a surrogate */
    TEXT("\xf4\x90\x80\x80", "\"" BAD BAD BAD BAD "\""),
    TEXT("\xf5\x80", "\"" BAD BAD "\""),
    TEXT("\xf0\x9f\xf0\x9f\x98\x80", "\"" BAD "\xf0\x9f\x98\x80\""),
#undef TEXT
};

static void check(const struct buffer *out, const char *expected)
{
    assert_int_equal(out->size, strlen(expected));
    assert_memory_equal(out->data, expected, out->size);
}

static void whole(void **state)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct buffer out;
        buffer_init(&out, 1000);
        json_write_string(&out, texts[i].bytes, texts[i].size);
        check(&out, texts[i].json);
        buffer_free(&out);
    }
}

/* However the text is cut, the result is the same. */
static void in_pieces(void **state)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t piece = 1; piece <= 3; piece++) {
            struct buffer out;
            struct json_text text;
            buffer_init(&out, 1000);
            json_text_begin(&text, &out);
            for (size_t at = 0; at < texts[i].size; at += piece)
                json_text_add(&text, texts[i].bytes + at,
                              at + piece < texts[i].size ? piece : texts[i].size - at);
            json_text_end(&text);
            check(&out, texts[i].json);
            buffer_free(&out);
        }
}

static void numbers(void **state)
{
    static const struct {
        double value;
        const char *json, *plain;
    } cases[] = {
        {5, "5.0", "5"},
        {0.5, "0.5", "0.5"},
        {0.1, "0.1", "0.1"},
        {-0.0, "-0.0", "-0"},
        {1e15, "1000000000000000.0", "1000000000000000"},
        {1e16, "1e+16", "1e+16"},
        {1e-4, "0.0001", "0.0001"},
        {1e-5, "1e-05", "1e-05"},
        {1.5e-7, "1.5e-07", "1.5e-07"},
        {1.0 / 3, "0.3333333333333333", "0.3333333333333333"},
        {1.7976931348623157e308, "1.7976931348623157e+308", "1.7976931348623157e+308"},
        {5e-324, "5e-324", "5e-324"},
        {1.5e-323, "1.5e-323", "1.5e-323"},
        {2.225073858507201e-308, "2.225073858507201e-308", "2.225073858507201e-308"},
        {0.1 + 0.2, "0.30000000000000004", "0.30000000000000004"},
        {120, "120.0", "120"},
        {123456789.125, "123456789.125", "123456789.125"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer out;
        char text[NUMBER_TEXT_MAX];
        buffer_init(&out, 100);
        json_write_double(&out, cases[i].value);
        check(&out, cases[i].json);
        buffer_free(&out);
        number_text(cases[i].value, text);
        assert_string_equal(text, cases[i].plain);
    }
}

static void seconds(void **state)
{
    static const struct {
        uint64_t ns;
        const char *json;
    } cases[] = {{0, "0.0"},          {499, "0.0"},
                 {500, "0.000001"},   {123456, "0.000123"},
                 {5000000000, "5.0"}, {1500000000, "1.5"},
                 {999999999, "1.0"},  {86400123456000, "86400.123456"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer out;
        buffer_init(&out, 100);
        json_write_seconds(&out, cases[i].ns);
        check(&out, cases[i].json);
        buffer_free(&out);
    }
}

static void buffer_has_a_maximum(void **state)
{
    struct buffer out;
    buffer_init(&out, 10);
    assert_true(buffer_append(&out, "0123456789", 10));
    assert_false(buffer_byte(&out, 'x'));
    assert_true(out.failed);
    assert_int_equal(out.size, 10);
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whole), cmocka_unit_test(in_pieces),
                                       cmocka_unit_test(numbers), cmocka_unit_test(seconds),
                                       cmocka_unit_test(buffer_has_a_maximum)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
