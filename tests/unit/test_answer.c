/* The answer to a run has the fields of the table, in its order, of its types; the OpenAPI document lists them. */
#include "front/answer.h"
#include "front/fields.h"
#include "front/openapi.h"

#include "unit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static json_t *answer(const struct message_run_ended *end, const char *out, const char *error)
{
    json_t *body = json_object();
    struct sandbox sandbox = {.setup_ns = 1500000};
    const struct execute_request request = {.code = {"", 0}, .timeout = 0.5};
    struct config config = {.environments[0].limit_output = 1024};
    struct run *run = run_new(body, &request, &config);
    struct buffer text;

    run->sandbox = &sandbox;
    run->received_ns = 1000;
    run->started_ns = 43000;
    output_append(&run->output, out, strlen(out));
    output_append(&run->error, error, strlen(error));
    buffer_init(&text, 1 << 20);
    answer_write(&text, run, end);
    json_t *parsed = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(parsed);
    buffer_free(&text);
    run_free(run);
    json_decref(body);
    return parsed;
}

static bool has_type(const struct field *field, const json_t *value)
{
    switch (field->type) {
    case FIELD_STRING:
        return json_is_string(value);
    case FIELD_NUMBER:
        return json_is_number(value);
    case FIELD_INTEGER:
        return json_is_integer(value);
    case FIELD_BOOL:
        return json_is_boolean(value);
    case FIELD_ARRAY:
        return json_is_array(value);
    case FIELD_OBJECT:
    case FIELD_MAP:
        return json_is_object(value);
    }
    return false;
}

static void compare(const struct field *fields, json_t *object)
{
    void *at = json_object_iter(object);
    for (; fields->name != NULL; fields++, at = json_object_iter_next(object, at)) {
        assert_non_null(at);
        assert_string_equal(json_object_iter_key(at), fields->name);
        const json_t *value = json_object_iter_value(at);
        assert_true(has_type(fields, value) || (fields->nullable && json_is_null(value)));
        if (fields->type == FIELD_OBJECT && !json_is_null(value))
            compare(fields->fields, (json_t *)value);
    }
    assert_null(at);
}

static void has_the_fields_of_the_table(void **state)
{
    for (uint32_t outcome = RUN_EXITED; outcome < RUN_FAILED; outcome++) {
        struct message_run_ended end = {.outcome = outcome, .signal = SIGSEGV, .limits_hit = 15};
        json_t *object = answer(&end, "out", "");
        compare(execute_answer_fields, object);
        const char *status = json_string_value(json_object_get(object, "status"));
        size_t i = 0;
        while (run_statuses[i] != NULL && strcmp(run_statuses[i], status) != 0)
            i++;
        assert_non_null(run_statuses[i]);
        json_decref(object);
    }
}

static void expect(struct message_run_ended end, const char *printed, const char *status, const char *error,
                   const char *signal_name)
{
    json_t *object = answer(&end, "", printed);
    assert_string_equal(json_string_value(json_object_get(object, "status")), status);
    const json_t *value = json_object_get(object, "error");
    if (error == NULL)
        assert_true(json_is_null(value));
    else
        assert_string_equal(json_string_value(value), error);
    value = json_object_get(object, "signal");
    if (signal_name == NULL)
        assert_true(json_is_null(value));
    else
        assert_string_equal(json_string_value(value), signal_name);
    assert_true(json_is_null(json_object_get(object, "exit_code")) == (end.outcome != RUN_EXITED));
    json_decref(object);
}

static void says_why_it_ended(void **state)
{
    expect((struct message_run_ended){.outcome = RUN_EXITED}, "", "ok", NULL, NULL);
    expect((struct message_run_ended){.outcome = RUN_EXITED, .exit_code = 1}, "e\n", "error", "e\n", NULL);
    expect((struct message_run_ended){.outcome = RUN_SIGNALED, .signal = SIGSEGV}, "", "signal", NULL,
           "SIGSEGV");
    expect((struct message_run_ended){.outcome = RUN_TIMEOUT}, "", "timeout",
           "Execution timed out after 0.5 seconds\n", NULL);
    expect((struct message_run_ended){.outcome = RUN_TIMEOUT}, "half", "timeout",
           "half\nExecution timed out after 0.5 seconds\n", NULL);
    expect((struct message_run_ended){.outcome = RUN_MEMORY_LIMIT,
                                      .memory_limit = 256 << 20,
                                      .memory_peak = 1000},
           "", "memory_limit", "Memory limit of 256 MiB (268435456 bytes) exceeded; the peak was 1000 bytes\n",
           NULL);
    expect((struct message_run_ended){.outcome = RUN_CANCELLED}, "", "cancelled", NULL, NULL);
}

static void openapi_lists_the_fields(void **state)
{
    static const struct {
        const char *name;
        const struct field *fields;
    } schemas[] = {{"ExecuteRequest", execute_request_fields}, {"ExecuteResponse", execute_answer_fields}};
    struct config config;
    size_t size;

    config_init(&config);
    char *text = openapi_build(&config, &size);
    assert_non_null(text);
    json_t *document = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    assert_string_equal(json_string_value(json_object_get(document, "openapi")), "3.1.0");
    for (size_t i = 0; i < 2; i++) {
        const json_t *schema =
            json_object_get(json_object_get(json_object_get(document, "components"), "schemas"),
                            schemas[i].name);
        json_t *properties = json_object_get(schema, "properties");
        size_t count = 0;
        for (const struct field *field = schemas[i].fields; field->name != NULL; field++, count++)
            assert_non_null(json_object_get(properties, field->name));
        assert_int_equal(json_object_size(properties), count);
    }
    json_decref(document);
    free(text);
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(has_the_fields_of_the_table),
                                       cmocka_unit_test(says_why_it_ended),
                                       cmocka_unit_test(openapi_lists_the_fields)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
