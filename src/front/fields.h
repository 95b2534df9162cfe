/* fields.h: the one table of the API's fields. The validator and the OpenAPI document both come from it. */
#pragma once

#include "common/config.h"

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
    FIELD_MAP     /* an object of any names like `keys`, its values like `items` */
};

/* A bound or a default that is a setting: the offset in struct config of a double (FIELD_NUMBER) or an int64_t
 * (FIELD_INTEGER). */
#define FIELD_SETTING(field) (1 + offsetof(struct config, field))

#define FIELD_ENVIRONMENT(field) (1 + offsetof(struct config_environment, field))

struct string_view {
    const char *data; /* inside the parsed body; NULL: not given */
    size_t size;
};

/* Says what is wrong with a string that has the right type and length; NULL when nothing is. Static text. */
typedef const char *(*field_check)(struct string_view text);

/* The same of an object all of whose fields are right, from the struct that they are stored in. */
typedef const char *(*object_check)(const void *stored);

struct field {
    const char *name; /* NULL ends a table */
    enum field_type type;
    bool required;
    bool nullable;
    size_t store;          /* request fields: offset in the struct that the table describes; unused in answers */
    bool has_greater_than; /* FIELD_NUMBER, FIELD_INTEGER */
    double greater_than;
    double least;           /* FIELD_INTEGER; 0: none */
    size_t most_setting;    /* FIELD_SETTING(...) of the largest value; 0, or a setting of 0: `most` */
    bool of_environment;    /* most_setting is a FIELD_ENVIRONMENT(...), of the environment that the request names */
    double most;            /* the largest value; 0: none */
    size_t default_setting; /* FIELD_SETTING(...) of the default; 0: none */
    size_t most_length;     /* characters, items or names; 0: no bound of its own */
    size_t item_size;       /* request fields, FIELD_ARRAY and FIELD_MAP: of a stored item */
    const struct field *keys, *items;
    const struct field *fields;
    const char *schema;        /* FIELD_OBJECT: its name in the OpenAPI components */
    const char *const *values; /* FIELD_STRING: every value it can have; NULL ends */
    /* FIELD_STRING whose values are of the settings: the value number `i`, NULL past the last one. What is stored is a
     * uint32_t, the number; 0 is the default. */
    const char *(*choice)(const struct config *config, size_t i);
    field_check check;         /* FIELD_STRING of requests */
    object_check check_whole;  /* FIELD_OBJECT of requests */
    const char *const *one_of; /* FIELD_OBJECT: `check_whole` wants exactly one of these two fields, strings */
    const char *pattern;       /* what `check` accepts, for the OpenAPI document; NULL: not told */
    const char *description;
    const char *example; /* JSON text, or NULL */
};

/* The bound `most` of a field under these settings, in an environment or, with FIELD_ANY_ENVIRONMENT, the highest one of all.
 * False: there is none. */
enum { FIELD_ANY_ENVIRONMENT = CONFIG_ENVIRONMENTS_MAX };
bool field_most(const struct field *field, const struct config *config, size_t environment, double *most);

/* A number of the settings by its FIELD_SETTING() offset. */
double field_setting(const struct field *field, const struct config *config, size_t offset);

/* --- what POST /execute asks for; filled by the validator --------------------------------------------------------- */

/* Items of a FIELD_ARRAY or FIELD_MAP, allocated by the validator. */
struct field_list {
    void *items;
    size_t count;
};

struct string_pair { /* an entry of a FIELD_MAP of strings */
    struct string_view name, value;
};

struct input_file {
    struct string_view path;
    struct string_view content, content_base64; /* exactly one is given */
};

struct run_limits { /* 0: the server's own */
    double cpu_time;
    int64_t memory, processes, output, workspace, open_files;
};

struct execute_request {
    struct string_view code;
    double timeout; /* seconds */
    uint32_t environment; /* its index in the settings */
    struct string_view stdin_text;
    struct field_list args; /* struct string_view */
    struct field_list env;  /* struct string_pair */
    struct field_list files; /* struct input_file */
    struct field_list collect; /* struct string_view */
    struct run_limits limits;
};

/* Releases what the validator allocated. */
void execute_request_free(struct execute_request *request);

extern const struct field execute_request_fields[];
extern const struct field execute_answer_fields[];
extern const struct field info_fields[]; /* of GET /info */
extern const char *const run_statuses[];
