/* test_config.c: parsing, bounds, sources and the dump of settings. */
#include "common/config.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct config config;
static struct error err;

static int set_up(void **state)
{
    (void)state;
    config_init(&config);
    memset(&err, 0, sizeof err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    config_free(&config);
    return 0;
}

#define assert_error(name, value, part)                               \
    do {                                                              \
        assert_int_equal(config_set(&config, name, value, &err), -1); \
        if (strstr(err.text, part) == NULL)                           \
            fail_msg("\"%s\" does not say \"%s\"", err.text, part);   \
    } while (0)

static void defaults_are_the_table(void **state)
{
    (void)state;
    assert_string_equal(config.listen, "127.0.0.1:8000");
    assert_int_equal(config.pool, 8);
    assert_int_equal(config.limit_memory, 256 << 20);
    assert_true(config.default_timeout == 5);
    assert_int_equal(config_finish(&config, &err), 0);
    assert_true(config.concurrency >= 4);
}

static void values_are_parsed(void **state)
{
    (void)state;
    assert_int_equal(config_set(&config, "pool", "16", &err), 0);
    assert_int_equal(config.pool, 16);
    assert_int_equal(config_set(&config, "limit-memory", "64m", &err), 0);
    assert_int_equal(config.limit_memory, 64 << 20);
    assert_int_equal(config_set(&config, "limit-output", "4096", &err), 0);
    assert_int_equal(config.limit_output, 4096);
    assert_int_equal(config_set(&config, "default-timeout", "0.25", &err), 0);
    assert_true(config.default_timeout == 0.25);
    assert_int_equal(config_set(&config, "log-format", "json", &err), 0);
    assert_string_equal(config.log_format, "json");
}

static void wrong_values_are_named(void **state)
{
    (void)state;
    assert_error("pool", "", "pool: \"\" is not a whole number; give a whole number from 0 to 256");
    assert_error("concurrency", "1025", "too large");
    assert_error("pool", "257", "too large");
    assert_error("pool", "-1", "not a whole number");
    assert_error("pool", "+4", "not a whole number");
    assert_error("pool", " 4", "not a whole number");
    assert_error("pool", "0x4", "not a whole number");
    assert_error("pool", "4K", "not a whole number");
    assert_error("pool", "99999999999999999999", "too large");
    assert_error("limit-memory", "12Q",
                 "is not a size; give a number of bytes, or a number with K, M, G or T, from 16M to 1T");
    assert_error("limit-memory", "1KK", "is not a size");
    assert_error("limit-memory", "9999999999999T", "too large");
    assert_error("limit-memory", "M", "is not a size");
    assert_error("default-timeout", "1e3", "is not a number");
    assert_error("default-timeout", "nan", "is not a number");
    assert_error("default-timeout", "inf", "is not a number");
    assert_error("default-timeout", "5.", "is not a number");
    assert_error("default-timeout", ".5", "is not a number");
    assert_error("default-timeout", "0", "too small");
    assert_error("default-timeout", "1,5", "is not a number");
    assert_error("log-format", "xml", "give one of text|json");
    assert_error("log-format", "text|json", "give one of text|json");
    assert_error("log-format", "", "give one of text|json");
    assert_error("python", "/usr/bin/\npython3", "control character");
    assert_error("python", "/usr/bin/python3 ", "blank");
    assert_int_equal(config.pool, 8);
    assert_string_equal(config.python, "/usr/bin/python3");
}

static void unknown_names_get_a_suggestion(void **state)
{
    (void)state;
    assert_error("poool", "4", "did you mean \"pool\"?");
    assert_error("limit-memroy", "4", "did you mean \"limit-memory\"?");
    assert_error("colour", "red", "hatchery help settings");
}

static int read_text(const char *text)
{
    FILE *stream = fmemopen((void *)text, strlen(text), "r");
    assert_non_null(stream);
    int result = config_read_stream(&config, stream, "test.conf", &err);
    fclose(stream);
    return result;
}

static void files_are_read(void **state)
{
    (void)state;
    assert_int_equal(read_text("# a comment\n\n  pool = 7  \r\npreload=json,os.path\nlisten = [::1]:80"), 0);
    assert_int_equal(config.pool, 7);
    assert_string_equal(config.preload, "json,os.path");
    assert_string_equal(config.listen, "[::1]:80");
    assert_int_equal(read_text("preload =\n"), 0);
    assert_string_equal(config.preload, "");
}

static void wrong_lines_are_named(void **state)
{
    (void)state;
    assert_int_equal(read_text("\npool 7\n"), -1);
    assert_non_null(strstr(err.text, "test.conf:2: \"pool 7\" is not a setting"));
    assert_int_equal(read_text("pool = 7\npool = 8\n"), -1);
    assert_non_null(strstr(err.text, "test.conf:2: pool: set a second time"));
    assert_int_equal(read_text("pool = many\n"), -1);
    assert_non_null(strstr(err.text, "test.conf:1: pool: \"many\""));
    char text[10000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_int_equal(read_text(text), -1);
    assert_non_null(strstr(err.text, "test.conf:1: the line is too long"));
    assert_int_equal(config_read_file(&config, "/nonexistent/hatchery.conf", &err), -1);
    assert_non_null(strstr(err.text, "/nonexistent/hatchery.conf: No such file"));
}

static void the_environment_is_read(void **state)
{
    (void)state;
    setenv("HATCHERY_LIMIT_MEMORY", "32M", 1);
    setenv("HATCHERY_CONFIG", "/some/file", 1);
    assert_int_equal(config_read_environment(&config, &err), 0);
    assert_int_equal(config.limit_memory, 32 << 20);
    setenv("HATCHERY_POOOL", "3", 1);
    assert_int_equal(config_read_environment(&config, &err), -1);
    assert_non_null(
        strstr(err.text, "HATCHERY_POOOL: no setting is called \"poool\"; did you mean \"pool\"?"));
    unsetenv("HATCHERY_POOOL");
    unsetenv("HATCHERY_CONFIG");
    unsetenv("HATCHERY_LIMIT_MEMORY");
}

static void a_dump_reads_back(void **state)
{
    (void)state;
    assert_int_equal(config_set(&config, "default-timeout", "0.123456789", &err), 0);
    assert_int_equal(config_set(&config, "max-timeout", "86399.999999999", &err), 0);
    assert_int_equal(config_set(&config, "limit-output", "1537", &err), 0);
    assert_int_equal(config_finish(&config, &err), 0);
    char *first = NULL, *second = NULL;
    size_t first_size, second_size;
    FILE *out = open_memstream(&first, &first_size);
    assert_int_equal(config_dump(&config, out), 0);
    fclose(out);
    struct config again;
    config_init(&again);
    FILE *in = fmemopen(first, first_size, "r");
    if (config_read_stream(&again, in, "dump", &err) != 0)
        fail_msg("%s", err.text);
    fclose(in);
    out = open_memstream(&second, &second_size);
    assert_int_equal(config_dump(&again, out), 0);
    fclose(out);
    assert_string_equal(first, second);
    assert_true(again.default_timeout == config.default_timeout);
    assert_true(again.max_timeout == config.max_timeout);
    free(first);
    free(second);
    config_free(&again);
}

static void rules_across_settings(void **state)
{
    (void)state;
    assert_int_equal(config_set(&config, "default-timeout", "90", &err), 0);
    assert_int_equal(config_finish(&config, &err), -1);
    assert_non_null(strstr(err.text, "default-timeout: 90 s is more than max-timeout (60 s)"));
    assert_int_equal(config_set(&config, "default-timeout", "5", &err), 0);

    static const char *const wrong[] = {"8000",           ":8000",  "localhost", "localhost:",
                                        "localhost:http", "::1:80", "[::1]",     "[]:80",
                                        "h:65536",        "h:-1",   "h: 1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(config_set(&config, "listen", wrong[i], &err), 0);
        assert_int_equal(config_finish(&config, &err), -1);
        assert_non_null(strstr(err.text, "give HOST:PORT"));
    }
    assert_int_equal(config_set(&config, "listen", "0.0.0.0:0", &err), 0);
    assert_int_equal(config_finish(&config, &err), 0);

    static const char *const modules[] = {",", "a,", "a,,b", "a b", "1a", "a.", ".a", "a;b"};
    for (size_t i = 0; i < sizeof modules / sizeof modules[0]; i++) {
        assert_int_equal(config_set(&config, "preload", modules[i], &err), 0);
        assert_int_equal(config_finish(&config, &err), -1);
    }
    assert_int_equal(config_set(&config, "preload", "numpy,os.path,_a1", &err), 0);
    assert_int_equal(config_finish(&config, &err), 0);
    assert_int_equal(config_set(&config, "preload", "json , re,  os.path", &err), 0);
    assert_int_equal(config_finish(&config, &err), 0);
    assert_string_equal(config.preload, "json,re,os.path");
    assert_int_equal(config_set(&config, "python", "python3", &err), 0);
    assert_int_equal(config_finish(&config, &err), -1);
    assert_non_null(strstr(err.text, "absolute path"));
}

static void help_names_every_setting(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    config_help(out);
    fclose(out);
#define SETTING(type, field, name, dflt, min, max, unit, help) assert_non_null(strstr(text, "--" name "="));
#include "common/settings.def"
#undef SETTING
    free(text);
}

int main(void)
{
    clearenv();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults_are_the_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_are_parsed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_values_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unknown_names_get_a_suggestion, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_lines_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_environment_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_dump_reads_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rules_across_settings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(help_names_every_setting, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
