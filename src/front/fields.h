/* fields.h: the one table of the API's fields. The validator and the OpenAPI document both come from it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_type {
    FIELD_STRING,
    FIELD_NUMBER,
    FIELD_INTEGER,
    FIELD_BOOL,
    FIELD_ARRAY,  /* of items like `items` */
    FIELD_OBJECT, /* with the fields `fields` */
    FIELD_MAP     /* an object of any names, its values like `items` */
};

/* A bound or a default that is a setting: the offset of a double in struct config. */
#define FIELD_SETTING(field) (1 + offsetof(struct config, field))

struct config;

struct field {
    const char *name; /* NULL ends a table */
    enum field_type type;
    bool required;
    bool nullable;
    size_t store;          /* request fields: offset in struct execute_request; unused in answers */
    bool has_greater_than; /* FIELD_NUMBER, FIELD_INTEGER */
    double greater_than;
    size_t most_setting;    /* FIELD_SETTING(...) of the largest value; 0: none */
    size_t default_setting; /* FIELD_SETTING(...) of the default; 0: none */
    const struct field *items;
    const struct field *fields;
    const char *schema;        /* FIELD_OBJECT: its name in the OpenAPI components */
    const char *const *values; /* FIELD_STRING: every value it can have; NULL ends */
    /* FIELD_STRING whose values are of the settings: the value number `i`, NULL past the last one. What is stored is a
     * uint32_t, the number; 0 is the default. */
    const char *(*choice)(const struct config *config, size_t i);
    const char *description;
    const char *example; /* JSON text, or NULL */
};

struct string_view {
    const char *data; /* inside the parsed body */
    size_t size;
};

/* What POST /execute asks for. Filled by the validator. */
struct execute_request {
    struct string_view code;
    double timeout; /* seconds */
    uint32_t environment; /* its index in the settings */
};

extern const struct field execute_request_fields[];
extern const struct field execute_answer_fields[];
extern const char *const run_statuses[];
