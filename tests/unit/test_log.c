/* test_log.c: what a log line looks like, and that no value can forge one. */
#include "common/log.h"

#include "unit.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

static char line[4096];

/* Runs log_write() with standard error on a pipe; `line` is what came out. */
static void capture(enum log_level level, const char *event, const struct log_field *fields)
{
    int ends[2], saved = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    log_write(level, event, fields);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    ssize_t n = read(ends[0], line, sizeof line - 1);
    close(ends[0]);
    line[n > 0 ? n : 0] = '\0';
}

/* The line after its time stamp; the stamp's shape is checked here. */
static const char *after_time(void)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ ";
    for (size_t i = 0; shape[i] != '\0'; i++) {
        if (shape[i] == 'd')
            assert_true(line[i] >= '0' && line[i] <= '9');
        else
            assert_int_equal(line[i], shape[i]);
    }
    return line + sizeof shape - 1;
}

static void text_lines(void **state)
{
    (void)state;
    log_init("front", LOG_INFO, false);
    struct log_field fields[] = {LOG_S("id", "r-1"), LOG_T("wall", 0.0003), LOG_I("code", -9),
                                 LOG_T("whole", 5),  LOG_T("zero", 0),      {.key = NULL}};
    capture(LOG_INFO, "run.ended", fields);
    assert_string_equal(after_time(), "info front run.ended id=r-1 wall=0.0003 code=-9 whole=5 zero=0\n");
    struct log_field odd[] = {LOG_S("none", NULL), LOG_S("empty", ""), {.key = NULL}};
    capture(LOG_ERROR, "x.y", odd);
    assert_string_equal(after_time(), "error front x.y none=- empty=\"\"\n");
}

static void text_values_cannot_forge(void **state)
{
    (void)state;
    log_init("front", LOG_INFO, false);
    struct log_field fields[] = {LOG_S("path", "/a b\" x=1\n2026 info\\\x1b[31m\xc3\xa9"), {.key = NULL}};
    capture(LOG_WARN, "request.bad", fields);
    assert_string_equal(after_time(),
                        "warn front request.bad path=\"/a b\\\" x=1\\n2026 info\\\\\\x1b[31m\\xc3\\xa9\"\n");
}

static void json_lines_parse(void **state)
{
    (void)state;
    log_init("broker", LOG_INFO, true);
    struct log_field fields[] = {LOG_S("s", "a\"b\\c\n\x01\x7f\xc3\xa9\xff\xed\xa0\x80"),
                                 LOG_I("i", INT64_MIN),
                                 LOG_T("t", 1.5),
                                 LOG_S("none", NULL),
                                 LOG_T("inf", __builtin_inf()),
                                 {.key = NULL}};
    capture(LOG_INFO, "run.ended", fields);
    json_error_t wrong;
    json_t *object = json_loads(line, 0, &wrong);
    if (object == NULL)
        fail_msg("%s in %s", wrong.text, line);
    assert_string_equal(json_string_value(json_object_get(object, "role")), "broker");
    assert_string_equal(json_string_value(json_object_get(object, "level")), "info");
    assert_string_equal(json_string_value(json_object_get(object, "event")), "run.ended");
    assert_string_equal(json_string_value(json_object_get(object, "s")),
                        "a\"b\\c\n\x01\x7f\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    assert_true(json_integer_value(json_object_get(object, "i")) == INT64_MIN);
    assert_true(json_real_value(json_object_get(object, "t")) == 1.5);
    assert_true(json_is_null(json_object_get(object, "none")));
    assert_true(json_is_null(json_object_get(object, "inf")));
    json_decref(object);
}

static void long_lines_are_cut_whole(void **state)
{
    (void)state;
    char value[2000];
    memset(value, 0x01, sizeof value - 1);
    value[sizeof value - 1] = '\0';
    struct log_field fields[] = {LOG_I("first", 1), LOG_S("big", value), LOG_I("last", 2), {.key = NULL}};

    log_init("front", LOG_INFO, false);
    capture(LOG_INFO, "a.b", fields);
    assert_string_equal(after_time(), "info front a.b first=1 cut=true\n");

    log_init("front", LOG_INFO, true);
    capture(LOG_INFO, "a.b", fields);
    json_t *object = json_loads(line, 0, NULL);
    assert_non_null(object);
    assert_true(json_is_true(json_object_get(object, "cut")));
    json_decref(object);
}

static void levels(void **state)
{
    (void)state;
    log_init("front", LOG_WARN, false);
    assert_false(log_wants(LOG_DEBUG));
    assert_false(log_wants(LOG_INFO));
    assert_true(log_wants(LOG_WARN));
    assert_true(log_wants(LOG_ERROR));
}

static void errno_is_kept(void **state)
{
    (void)state;
    log_init("front", LOG_INFO, false);
    int saved = dup(STDERR_FILENO);
    close(STDERR_FILENO);
    errno = ENOENT;
    log_event(LOG_INFO, "a.b", LOG_I("x", 1));
    int after = errno;
    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_int_equal(after, ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_lines),       cmocka_unit_test(text_values_cannot_forge),
        cmocka_unit_test(json_lines_parse), cmocka_unit_test(long_lines_are_cut_whole),
        cmocka_unit_test(levels),           cmocka_unit_test(errno_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
