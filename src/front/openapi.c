/* openapi.c: see openapi.h. Runs in the front, once, from constants and settings only. */
#include "front/openapi.h"

#include "front/fields.h"
#include "front/openapi_operating.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static json_t *field_schema(const struct field *field, const struct config *config, json_t *components);

/* "exit_code" > "Exit Code", as FastAPI makes titles. */
static json_t *title_of(const char *name)
{
    char title[64];
    size_t size = 0;
    bool start = true;
    for (; *name != '\0' && size < sizeof title - 1; name++) {
        title[size++] = (char)(*name == '_' ? ' ' : start ? toupper((unsigned char)*name) : *name);
        start = *name == '_';
    }
    return json_stringn(title, size);
}

static json_t *object_schema(const char *title, const struct field *fields, const struct config *config,
                             json_t *components)
{
    json_t *properties = json_object(), *required = json_array(), *example = json_object();
    for (const struct field *field = fields; field->name != NULL; field++) {
        json_object_set_new(properties, field->name, field_schema(field, config, components));
        if (field->required)
            json_array_append_new(required, json_string(field->name));
        if (field->example != NULL)
            json_object_set_new(example, field->name, json_loads(field->example, JSON_DECODE_ANY, NULL));
    }
    json_t *schema = json_pack("{s:o,s:s,s:o,s:s}", "properties", properties, "type", "object", "required",
                               required, "title", title);
    if (json_object_size(example) > 0)
        json_object_set_new(schema, "example", example);
    else
        json_decref(example);
    return schema;
}

static json_t *number(double value)
{
    return value == (double)(json_int_t)value ? json_integer((json_int_t)value) : json_real(value);
}

/* Either of two fields is a string, the other one null or missing: never both. */
static json_t *one_of_schema(const char *const names[2])
{
    json_t *choices = json_array();
    for (int i = 0; i < 2; i++)
        json_array_append_new(choices, json_pack("{s:[s],s:{s:{s:s},s:{s:s}}}", "required", names[i], "properties", names[i], "type",
                                                 "string", names[1 - i], "type", "null"));
    return choices;
}

/* The schema of the field's value, null aside. */
static json_t *type_schema(const struct field *field, const struct config *config, json_t *components)
{
    static const char *const names[] = {
        [FIELD_STRING] = "string", [FIELD_NUMBER] = "number", [FIELD_INTEGER] = "integer",
        [FIELD_BOOL] = "boolean",  [FIELD_ARRAY] = "array",   [FIELD_OBJECT] = "object",
        [FIELD_MAP] = "object"};

    if (field->type == FIELD_OBJECT) {
        if (json_object_get(components, field->schema) == NULL) {
            json_t *object = object_schema(field->schema, field->fields, config, components);
            if (field->one_of != NULL)
                json_object_set_new(object, "anyOf", one_of_schema(field->one_of));
            json_object_set_new(components, field->schema, object);
        }
        return json_pack("{s:o}", "$ref", json_sprintf("#/components/schemas/%s", field->schema));
    }
    json_t *schema = json_pack("{s:s}", "type", names[field->type]);
    double most;
    if (field_most(field, config, FIELD_ANY_ENVIRONMENT, &most))
        json_object_set_new(schema, "maximum", number(most));
    if (field->least != 0)
        json_object_set_new(schema, "minimum", number(field->least));
    if (field->has_greater_than)
        json_object_set_new(schema, "exclusiveMinimum", number(field->greater_than));
    if (field->most_length != 0)
        json_object_set_new(schema,
                            field->type == FIELD_STRING  ? "maxLength"
                            : field->type == FIELD_ARRAY ? "maxItems"
                                                         : "maxProperties",
                            json_integer((json_int_t)field->most_length));
    if (field->pattern != NULL)
        json_object_set_new(schema, "pattern", json_string(field->pattern));
    if (field->keys != NULL)
        json_object_set_new(schema, "propertyNames", type_schema(field->keys, config, components));
    if (field->items != NULL)
        json_object_set_new(schema, field->type == FIELD_MAP ? "additionalProperties" : "items",
                            type_schema(field->items, config, components));
    if (field->choice != NULL) {
        json_t *values = json_array();
        for (size_t i = 0; field->choice(config, i) != NULL; i++)
            json_array_append_new(values, json_string(field->choice(config, i)));
        json_object_set_new(schema, "enum", values);
    }
    if (field->values != NULL) {
        json_t *values = json_array();
        for (size_t i = 0; field->values[i] != NULL; i++)
            json_array_append_new(values, json_string(field->values[i]));
        json_object_set_new(schema, "enum", values);
    }
    return schema;
}

static json_t *field_schema(const struct field *field, const struct config *config, json_t *components)
{
    json_t *schema = type_schema(field, config, components);
    if (field->nullable)
        schema = json_pack("{s:[o,{s:s}]}", "anyOf", schema, "type", "null");
    if (json_object_get(schema, "$ref") == NULL)
        json_object_set_new(schema, "title", title_of(field->name));
    if (field->description != NULL)
        json_object_set_new(schema, "description", json_string(field->description));
    if (field->choice != NULL)
        json_object_set_new(schema, "default", json_string(field->choice(config, 0)));
    if (field->default_setting != 0)
        json_object_set_new(schema, "default", number(field_setting(field, config, field->default_setting)));
    return schema;
}

static json_t *answer(const char *description, json_t *schema)
{
    return json_pack("{s:s,s:{s:{s:o}}}", "description", description, "content", "application/json", "schema",
                     schema);
}

static json_t *reference(const char *name)
{
    return json_pack("{s:o}", "$ref", json_sprintf("#/components/schemas/%s", name));
}

/* FastAPI's own description of its 422 answer. */
static void add_validation_schemas(json_t *components)
{
    json_object_set_new(components, "HTTPValidationError",
                        json_pack("{s:{s:{s:o,s:s,s:s}},s:s,s:s}", "properties", "detail", "items",
                                  reference("ValidationError"), "type", "array", "title", "Detail", "type",
                                  "object", "title", "HTTPValidationError"));
    json_object_set_new(components, "ValidationError",
                        json_pack("{s:{s:{s:{s:[{s:s},{s:s}]},s:s,s:s},s:{s:s,s:s},s:{s:s,s:s},s:{s:s},s:{s:"
                                  "s,s:s}},s:s,s:[s,s,s],s:s}",
                                  "properties", "loc", "items", "anyOf", "type", "string", "type", "integer",
                                  "type", "array", "title", "Location", "msg", "type", "string", "title",
                                  "Message", "type", "type", "string", "title", "Error Type", "input",
                                  "title", "Input", "ctx", "type", "object", "title", "Context", "type",
                                  "object", "required", "loc", "msg", "type", "title", "ValidationError"));
    json_object_set_new(components, "Error",
                        json_pack("{s:{s:{s:s,s:s,s:s}},s:s,s:[s],s:s}", "properties", "detail", "type",
                                  "string", "title", "Detail", "description",
                                  "What is wrong, in one sentence.", "type", "object", "required", "detail",
                                  "title", "Error"));
    json_object_set_new(components, "InternalError",
                        json_pack("{s:{s:{s:s,s:s},s:{s:s,s:s,s:s}},s:s,s:[s],s:s}", "properties", "detail",
                                  "type", "string", "title", "Detail", "id", "type", "string", "title", "Id",
                                  "description", "The run's id, to find it in the logs.", "type", "object",
                                  "required", "detail", "title", "InternalError"));
}

static json_t *with_retry_after(json_t *response)
{
    json_object_set_new(response, "headers",
                        json_pack("{s:{s:s,s:{s:s}}}", "Retry-After", "description",
                                  "Seconds after which a run is likely to be admitted.", "schema", "type",
                                  "integer"));
    return response;
}

/* The same as a stream; OpenAPI has no words for the events in it. */
static json_t *with_streams(json_t *response)
{
    static const char *const types[] = {"text/event-stream", "application/x-ndjson"};
    json_t *content = json_object_get(response, "content");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        json_object_set_new(content, types[i],
                            json_pack("{s:{s:s,s:s}}", "schema", "type", "string", "description",
                                      "`started` with the run's id, `stdout` and `stderr` with `text` as it "
                                      "is printed, and at the end `result`, the object of application/json."));
    return response;
}

static json_t *execute_operation(void)
{
    json_t *responses = json_object();
    json_object_set_new(responses, "200",
                        with_streams(answer("The program was started; `status` says how it ended.",
                                            reference("ExecuteResponse"))));
    json_object_set_new(
        responses, "400",
        answer("The body is not UTF-8, is nested too deeply or has too many values, or the request is not valid HTTP.",
               reference("Error")));
    json_object_set_new(responses, "408", answer("The body was not there in time.", reference("Error")));
    json_object_set_new(responses, "413",
                        answer("The body is larger than the server allows.", reference("Error")));
    json_object_set_new(responses, "422", answer("Validation Error", reference("HTTPValidationError")));
    json_object_set_new(responses, "429",
                        with_retry_after(answer("The rate, or the waiting places, of the key are used up.", reference("Error"))));
    json_object_set_new(responses, "500", answer("The service itself failed.", reference("InternalError")));
    json_object_set_new(responses, "503",
                        with_retry_after(
                            answer("Too many requests are waiting already, or the wait would be too long.", reference("Error"))));
    return json_pack(
        "{s:s,s:s,s:s,s:{s:{s:{s:o}},s:b},s:o}", "summary", "Execute", "description",
        "Runs Python code in a fresh sandbox and answers when it has ended. Closing the connection ends "
        "the run.",
        "operationId", "execute_execute_post", "requestBody", "content", "application/json", "schema",
        reference("ExecuteRequest"), "required", 1, "responses", responses);
}

static json_t *health_operation(void)
{
    json_t *schema =
        json_pack("{s:{s:{s:s,s:s,s:s}},s:s,s:[s],s:s}", "properties", "status", "type", "string", "title",
                  "Status", "const", "healthy", "type", "object", "required", "status", "title", "Health");
    return json_pack("{s:s,s:s,s:s,s:{s:o}}", "summary", "Health", "description",
                     "Answers at once, however busy the service is.", "operationId", "health_health_get",
                     "responses", "200", answer("The service answers.", schema));
}

static json_t *info_operation(void)
{
    return json_pack("{s:s,s:s,s:s,s:{s:o}}", "summary", "Info", "description",
                     "What this service is and offers: its environments and limits.", "operationId", "info_info_get",
                     "responses", "200", answer("The service describes itself.", reference("Info")));
}

char *openapi_build(const struct config *config, size_t *size)
{
    json_t *components = json_object();
    json_object_set_new(components, "ExecuteRequest",
                        object_schema("ExecuteRequest", execute_request_fields, config, components));
    json_object_set_new(components, "ExecuteResponse",
                        object_schema("ExecuteResponse", execute_answer_fields, config, components));
    json_object_set_new(components, "Info", object_schema("Info", info_fields, config, components));
    add_validation_schemas(components);
    json_t *document =
        json_pack("{s:s,s:{s:s,s:s,s:s,s:{s:s,s:s}},s:[{s:s}],s:{s:{s:o},s:{s:o},s:{s:o}},s:{s:o}}", "openapi", "3.1.0",
                  "info", "title", "hatchery", "description",
                  "Runs Python code, each time in a fresh sandbox that is used once.", "version",
                  HATCHERY_VERSION, "license", "name", "MIT", "identifier", "MIT", "servers", "url", "/", "paths", "/execute", "post", execute_operation(), "/health", "get",
                  health_operation(), "/info", "get", info_operation(), "components", "schemas", components);
    if (document != NULL)
        openapi_operating(document, config->keys_file[0] != '\0');
    char *text = document != NULL ? json_dumps(document, JSON_COMPACT) : NULL;
    json_decref(document);
    if (text != NULL)
        *size = strlen(text);
    return text;
}
