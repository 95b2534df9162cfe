/* openapi.h: the OpenAPI 3.1 document, made once at start from the table of fields. */
#pragma once

#include "common/config.h"

#include <stddef.h>

/* The document as compact JSON; malloc'ed, the caller's. NULL when memory is out. */
char *openapi_build(const struct config *config, size_t *size);
