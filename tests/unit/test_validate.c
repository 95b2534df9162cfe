/* Request bodies: the answers are FastAPI's, byte for byte, but for the differences that docs/api.md lists. */
#include "front/fields.h"
#include "front/validate.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

static struct config config;

/* Validates; returns the 422 body (malloc'ed), NULL when accepted, "400" when unreadable. */
static char *validate(const char *body, size_t size, struct execute_request *request, json_t **root)
{
    struct json_in in;
    struct buffer errors;
    char *text = malloc(size + 1);

    memcpy(text, body, size);
    text[size] = '\0';
    buffer_init(&errors, 1 << 20);
    enum json_in_status status = json_in_parse(text, size, &in);
    if (status == JSON_IN_UNREADABLE)
        buffer_text(&errors, "400");
    else if (status == JSON_IN_SYNTAX)
        validate_syntax_error(&in, &errors);
    else
        validate_body(&in, execute_request_fields, &config, request, &errors);
    free(text);
    *root = in.root;
    if (errors.size == 0)
        return NULL;
    buffer_byte(&errors, '\0');
    return errors.data;
}

static void expect(const char *body, size_t size, const char *expected)
{
    struct execute_request request = {0};
    json_t *root;
    char *answer = validate(body, size, &request, &root);
    if (expected == NULL && answer != NULL)
        fail_msg("%s: refused: %s", body, answer);
    if (expected != NULL && (answer == NULL || strcmp(answer, expected) != 0))
        fail_msg("%s:\n  expected %s\n  got      %s", body, expected, answer != NULL ? answer : "(accepted)");
    free(answer);
    execute_request_free(&request);
    json_decref(root);
}

static void like_fastapi(void **state)
{
    static const struct {
        const char *body;
        size_t size;
        const char *answer;
    } vectors[] = {
#define VECTOR(body, answer) {body, sizeof body - 1, answer},
#include "fastapi_vectors.def"
#undef VECTOR
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        expect(vectors[i].body, vectors[i].size, vectors[i].answer);
}

static void unlike_fastapi(void **state)
{
#define EXPECT(body, answer) expect(body, sizeof body - 1, answer)
    EXPECT("{\"code\":NaN}",
           "{\"detail\":[{\"type\":\"json_invalid\",\"loc\":[\"body\",8],\"msg\":\"JSON decode error\","
           "\"input\":{},\"ctx\":{\"error\":\"Expecting value\"}}]}");
    EXPECT("{\"code\":\"a\",\"timeout\":1e400}",
           "{\"detail\":[{\"type\":\"json_invalid\",\"loc\":[\"body\",22],\"msg\":\"JSON decode error\","
           "\"input\":{},\"ctx\":{\"error\":\"Number out of range\"}}]}");
    EXPECT("{\"code\":\"\\ud800\"}",
           "{\"detail\":[{\"type\":\"string_unicode\",\"loc\":[\"body\",\"code\"],\"msg\":\"Input should be "
           "a valid string, "
           "unable to parse raw data as a unicode string\",\"input\":\"\xef\xbf\xbd\"}]}");
    EXPECT("{\"code\":\"a\",\"\\ud800\":\"\\udfff\"}", NULL);
    EXPECT("{\"code\":\"a\",\"\\u0000\":1}", NULL);
    EXPECT("{\"code\":\"\xff\"}", "400");
    EXPECT("{\"code\":\"\xed\xa0\x80\"}", "400");
    EXPECT("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "400");
#undef EXPECT
}

static void values(void **state)
{
    static const char body[] = "{\"code\":\"a\\u0000\\ud83d\\ude00\",\"timeout\":\" 1_0.5 \"}";
    struct execute_request request = {0};
    json_t *root;
    assert_null(validate(body, sizeof body - 1, &request, &root));
    assert_int_equal(request.code.size, 6);
    assert_memory_equal(request.code.data, "a\0\xf0\x9f\x98\x80", 6);
    assert_true(request.timeout == 10.5);
    json_decref(root);
}

static void the_default_timeout(void **state)
{
    static const char *const bodies[] = {"{\"code\":\"\"}", "{\"code\":\"\",\"timeout\":null}"};
    for (size_t i = 0; i < 2; i++) {
        struct execute_request request = {0};
        json_t *root;
        assert_null(validate(bodies[i], strlen(bodies[i]), &request, &root));
        assert_true(request.timeout == config.default_timeout);
        assert_int_equal(request.code.size, 0);
        json_decref(root);
    }
}

static void no_prefix_crashes(void **state)
{
    static const char body[] =
        "{\"a\":[1,2.5e3,{\"b\":null,\"\\u00e9\":true}],\"code\":\"x\\n\\ud83d\\ude00\",\"t\":-0.1}";
    for (size_t size = 1; size < sizeof body - 1; size++) {
        struct execute_request request = {0};
        json_t *root;
        char *answer = validate(body, size, &request, &root);
        assert_non_null(answer);
        free(answer);
        json_decref(root);
    }
    expect(body, sizeof body - 1, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(like_fastapi), cmocka_unit_test(unlike_fastapi),
                                       cmocka_unit_test(values), cmocka_unit_test(the_default_timeout),
                                       cmocka_unit_test(no_prefix_crashes)};
    struct error err;
    config_init(&config);
    if (config_finish(&config, &err) != 0)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    config_free(&config);
    return failed;
}
