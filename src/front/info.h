/* info.h: GET /info: what this service is and offers. */
#pragma once

#include "front/buffer.h"
#include "front/environments.h"

/* Writes the JSON object; its fields are those of info_fields. `isolation` is JSON and goes in as it is. */
void info_write(struct buffer *out, const struct config *config, const struct environments *environments, const char *isolation);
