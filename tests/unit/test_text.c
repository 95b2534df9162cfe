/* test_text.c: utf8.h and suggest.h. */
#include "common/suggest.h"
#include "common/utf8.h"

#include "unit.h"

#include <string.h>

static size_t sequence(const char *bytes)
{
    return utf8_sequence((const unsigned char *)bytes, strlen(bytes));
}

static void utf8_sequences(void **state)
{
    (void)state;
    assert_int_equal(sequence(""), 0);
    assert_int_equal(sequence("a"), 1);
    assert_int_equal(sequence("\xc3\xa9"), 2);
    assert_int_equal(sequence("\xe2\x82\xac"), 3);
    assert_int_equal(sequence("\xf0\x9f\x98\x80"), 4);
    assert_int_equal(sequence("\xf4\x8f\xbf\xbf"), 4);
    assert_int_equal(sequence("\x80"), 0);         /* a stray continuation byte */
    assert_int_equal(sequence("\xc3"), 0);         /* cut off */
    assert_int_equal(sequence("\xe2\x82"), 0);     /* cut off */
    assert_int_equal(sequence("\xc0\x80"), 0);     /* overlong */
    assert_int_equal(sequence("\xe0\x80\xaf"), 0); /* overlong */
    assert_int_equal(sequence("\xf0\x80\x80\x80"), 0);
    assert_int_equal(sequence("\xed\xa0\x80"), 0);     /* a surrogate */
    assert_int_equal(sequence("\xf4\x90\x80\x80"), 0); /* above U+10FFFF */
    assert_int_equal(sequence("\xff"), 0);
    assert_int_equal(utf8_sequence((const unsigned char *)"\0", 1), 1);
}

static void suggestions(void **state)
{
    (void)state;
    static const char *const names[] = {"serve", "run", "doctor", "version", NULL};
    assert_string_equal(suggest("srve", names), "serve");
    assert_string_equal(suggest("docter", names), "doctor");
    assert_string_equal(suggest("rn", names), "run");
    assert_null(suggest("colour", names));
    assert_null(suggest("", names));
    char huge[500];
    memset(huge, 'r', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    assert_null(suggest(huge, names));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(utf8_sequences), cmocka_unit_test(suggestions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
