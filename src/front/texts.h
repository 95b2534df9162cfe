/* texts.h: what the strings of a request may be. Each function is a field_check (fields.h); each pattern says the same in
 * the OpenAPI document. */
#pragma once

#include "front/fields.h"

/* An argument, or a variable's value: the kernel ends them at a NUL. */
const char *text_check_argument(struct string_view text);
#define TEXT_ARGUMENT_PATTERN "^[^\\x00]*$"

/* The name of an environment variable. */
const char *text_check_variable(struct string_view text);
#define TEXT_VARIABLE_PATTERN "^(?!PYTHON)[^=\\x00]+$"

/* A file's place below the working folder. */
enum { PATH_PARTS_MAX = 16, PATH_PART_BYTES_MAX = 255 };
const char *text_check_path(struct string_view text);
#define TEXT_PATH_PART "(?!\\.{1,2}(/|$))[^/\\\\\\x00-\\x1f\\x7f]{1,255}"
#define TEXT_PATH_PATTERN "^" TEXT_PATH_PART "(/" TEXT_PATH_PART "){0,15}$"

/* A pattern of paths, see collector/glob.h. */
const char *text_check_glob(struct string_view text);
#define TEXT_GLOB_PATTERN "^" TEXT_PATH_PART "(/" TEXT_PATH_PART "){0,31}$"

/* Base64 with padding, white space ignored. */
const char *text_check_base64(struct string_view text);
#define TEXT_BASE64_SPACE "[ \\t\\r\\n]*"
#define TEXT_BASE64_DIGIT "[A-Za-z0-9+/]" TEXT_BASE64_SPACE
#define TEXT_BASE64_PATTERN                                                                                                            \
    "^" TEXT_BASE64_SPACE "(" TEXT_BASE64_DIGIT TEXT_BASE64_DIGIT "(" TEXT_BASE64_DIGIT TEXT_BASE64_DIGIT "|=" TEXT_BASE64_SPACE       \
    "=" TEXT_BASE64_SPACE "$|" TEXT_BASE64_DIGIT "=" TEXT_BASE64_SPACE "$))*$"

/* How many bytes a checked text stands for, and the bytes. */
size_t text_base64_size(struct string_view text);
void text_base64_decode(struct string_view text, char *bytes);
