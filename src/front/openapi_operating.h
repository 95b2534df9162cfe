/* openapi_operating.h: the OpenAPI document's part for what operates the service, not for what runs code. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* Adds the paths, and what is common to every operation of the document; `keys`: requests need one. */
void openapi_operating(json_t *document, bool keys);
