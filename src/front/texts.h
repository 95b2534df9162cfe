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
