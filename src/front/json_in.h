/* json_in.h: reads a request body as Python's json.loads() would, into jansson's values. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { JSON_DEPTH_MAX = 32, JSON_VALUES_MAX = 16384 /* the largest request has a quarter of that */ };

enum json_in_status {
    JSON_IN_OK,
    JSON_IN_SYNTAX,    /* `position` and `message` are those of Python's JSONDecodeError */
    JSON_IN_UNREADABLE, /* not UTF-8, or nested deeper than JSON_DEPTH_MAX, more than JSON_VALUES_MAX values */
    JSON_IN_NO_MEMORY
};

struct json_in {
    json_t *root;        /* JSON_IN_OK: the caller's, json_decref() */
    bool surrogates;     /* a lone surrogate was escaped somewhere; it stands as U+FFFD in the tree */
    bool nul_names;      /* the same of a NUL in a name */
    bool big_integers;   /* one has more than 18 digits: such a one is a real in the tree */
    size_t position;     /* in characters, not bytes */
    const char *message; /* static text */
};

/* Seeds jansson's hash, and has it end the process without memory: it would leave out what it has no room for. Call once, before
 * the process is confined: it reads the kernel's random numbers. */
void json_in_init(void);

/* Parses `size` bytes. A NUL must follow them. */
enum json_in_status json_in_parse(const char *text, size_t size, struct json_in *in);

/* True when all of `bytes` is UTF-8. */
bool utf8_valid(const char *bytes, size_t size);
