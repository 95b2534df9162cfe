/* Who may use the service: the keys file, key hashes, the rate of a key, trace ids. */
#include "common/keys_file.h"
#include "front/keys.h"
#include "front/trace.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#define HASH_A "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae" /* of "foo" */
#define HASH_B "sha256:fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9" /* of "bar" */

static void a_file(void **state)
{
    static const char text[] = "# keys\n\n  alice " HASH_A "\trate=2.5 queue=0 # the first\r\nbob " HASH_B " concurrency=3 max-timeout=0.5 burst=7";
    struct key_entry *entries = NULL;
    unsigned char hash[KEY_HASH_SIZE];
    struct error err;
    size_t count = 0;

    assert_int_equal(keys_parse(text, sizeof text - 1, &entries, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_string_equal(entries[0].name, "alice");
    key_hash("foo", hash);
    assert_true(key_hash_equal(entries[0].hash, hash));
    assert_false(key_hash_equal(entries[1].hash, hash));
    assert_true(entries[0].rate == 2.5 && entries[0].burst == 2.5 && entries[0].queue == 0 && entries[0].concurrency == 0);
    assert_true(entries[1].rate == 0 && entries[1].burst == 7 && entries[1].queue == -1 && entries[1].concurrency == 3 && entries[1].max_timeout == 0.5);
    free(entries);
}

static void files_with_mistakes(void **state)
{
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"a\n", "line 1: a has no hash"},
        {"\n\na sha256:00\n", "line 3: \"sha256:00\" is no hash"},
        {"a " HASH_A "0\n", "no hash"},
        {"a sha512:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae\n", "no hash"},
        {"a " HASH_A "\nb " HASH_A "\n", "line 2: b: this name or this hash"},
        {"a " HASH_A "\na " HASH_B "\n", "line 2: a: this name or this hash"},
        {"a " HASH_A " rate\n", "is no limit"},
        {"a " HASH_A " rate=0\n", "rate: \"0\""},
        {"a " HASH_A " rate=1x\n", "rate: \"1x\""},
        {"a " HASH_A " rate=inf\n", "rate: \"inf\""},
        {"a " HASH_A " concurrency=0\n", "whole number"},
        {"a$ " HASH_A "\n", "no name"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa " HASH_A "\n", "no name"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct key_entry *entries = NULL;
        struct error err;
        size_t count = 7;
        assert_int_equal(keys_parse(cases[i].text, strlen(cases[i].text), &entries, &count, &err), -1);
        assert_non_null(strstr(err.text, cases[i].word));
        assert_true(entries == NULL && count == 7);
    }
    struct error err;
    struct key_entry *entries = NULL;
    size_t count = 0;
    assert_int_equal(keys_parse("a\0b", 3, &entries, &count, &err), -1);
    assert_int_equal(keys_parse("", 0, &entries, &count, &err), 0);
    assert_int_equal(count, 0);
}

static void new_keys_differ(void **state)
{
    char one[KEY_TEXT_MAX], two[KEY_TEXT_MAX];
    key_make(one);
    key_make(two);
    assert_int_equal(strlen(one), strlen("hatchery_") + 43); /* 256 bits */
    assert_string_not_equal(one, two);
}

static void a_rate(void **state)
{
    static struct keys keys;
    double wait = 0;
    uint64_t now = 1000;

    keys_init(&keys, true);
    struct api_key *key = &keys.nobody;
    for (int i = 0; i < 1000; i++)
        assert_true(key_take_token(key, now, &wait)); /* no rate, no limit */
    key->entry.rate = 2;
    key->entry.burst = 3;
    key->tokens = 3;
    for (int i = 0; i < 3; i++)
        assert_true(key_take_token(key, now, &wait));
    assert_false(key_take_token(key, now, &wait));
    assert_true(wait > 0.49 && wait < 0.51);
    assert_false(key_take_token(key, now + 400000000, &wait));
    assert_true(key_take_token(key, now + 510000000, &wait));
    now += 3600000000000;
    for (int i = 0; i < 3; i++)
        assert_true(key_take_token(key, now, &wait)); /* an hour fills no more than the burst */
    assert_false(key_take_token(key, now, &wait));
}

static void traces(void **state)
{
    static const char good[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    static const char *const bad[] = {
        "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01", "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x"};
    char response[TRACEPARENT_SIZE + 1], again[TRACEPARENT_SIZE + 1];
    struct trace trace;

    trace_read(good, &trace);
    assert_string_equal(trace.id, "4bf92f3577b34da6a3ce929d0e0e4736");
    trace_response(&trace, response);
    assert_int_equal(strlen(response), TRACEPARENT_SIZE);
    assert_memory_equal(response, good, 36);
    assert_memory_not_equal(response + 36, good + 36, TRACE_SPAN_SIZE); /* ours, not the client's */
    assert_string_equal(response + 52, "-01");
    trace_read(response, &trace); /* what we answer is one itself */
    trace_response(&trace, again);
    assert_memory_equal(response, again, 36);
    assert_memory_not_equal(response + 36, again + 36, TRACE_SPAN_SIZE);
    trace_read("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-fe-later", &trace);
    trace_response(&trace, response);
    assert_string_equal(trace.id, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_string_equal(response + 52, "-00");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        trace_read(bad[i], &trace);
        assert_string_equal(trace.id, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file),   cmocka_unit_test(files_with_mistakes), cmocka_unit_test(new_keys_differ),
        cmocka_unit_test(a_rate), cmocka_unit_test(traces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
