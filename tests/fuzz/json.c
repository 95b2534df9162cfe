/* json.c: a request's body: read, validated, refused in words that are JSON, or made a job whose parts are as long as it says. */
#include "fuzz.h"

#include "common/config.h"
#include "front/fields.h"
#include "front/job.h"
#include "front/texts.h"
#include "front/validate.h"

#include <jansson.h>

enum { ERRORS_MAX = 1 << 22, INPUT_MAX = 16384 };

static const struct config *settings(void)
{
    static struct config config;
    struct error err;
    if (config.environment_count == 0) {
        json_in_init();
        config_init(&config);
        MUST(config_set(&config, "environment.math.preload", "math", &err) == 0);
        MUST(config_finish(&config, &err) == 0);
    }
    return &config;
}

static void must_be_json(const struct buffer *text)
{
    json_error_t error;
    json_t *root = json_loadb(text->data, text->size, JSON_ALLOW_NUL, &error);
    if (root == NULL)
        fprintf(stderr, "%s: %.*s\n", error.text, (int)text->size, text->data);
    MUST(root != NULL);
    json_decref(root);
}

static void check_accepted(const struct execute_request *request)
{
    struct job job;
    size_t sum = 0;
    const struct input_file *files = request->files.items;
    for (size_t i = 0; i < request->files.count; i++)
        MUST((files[i].content.data == NULL) != (files[i].content_base64.data == NULL));
    MUST(request->code.data != NULL && request->timeout > 0);
    MUST(job_init(&job, request) == 0);
    for (size_t i = 0; i < job.part_count; i++)
        sum += job.parts[i].iov_len;
    size_t said = sizeof job.head + job.head.code_size + job.head.args_size + job.head.env_size + job.head.stdin_size;
    for (size_t i = 0; i < job.head.file_count; i++)
        said += sizeof *job.files + job.files[i].path_size + job.files[i].size;
    MUST(sum == said);
    job_free(&job);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct config *config = settings();
    struct execute_request request = {0};
    struct buffer errors;
    struct json_in in;

    size = size < INPUT_MAX ? size : INPUT_MAX;
    char *text = copy_of(data, size, true);
    buffer_init(&errors, ERRORS_MAX);
    const enum json_in_status status = json_in_parse(text, size, &in);
    if (status == JSON_IN_SYNTAX) {
        validate_syntax_error(&in, &errors);
        MUST(in.position <= size);
    } else if (status == JSON_IN_OK && validate_body(&in, execute_request_fields, config, &request, &errors) &&
               validate_files(&in, config, &request, &errors)) {
        MUST(errors.size == 0);
        check_accepted(&request);
    } else if (status == JSON_IN_OK) {
        MUST(errors.size > 0);
    }
    if (errors.size > 0 && !errors.failed)
        must_be_json(&errors);
    execute_request_free(&request);
    json_decref(in.root);
    buffer_free(&errors);
    free(text);
    return 0;
}
