/* info.h: GET /info: what this service is and offers. */
#pragma once

#include "front/buffer.h"
#include "front/environments.h"

/* Writes the JSON object; its fields are those of info_fields. */
void info_write(struct buffer *out, const struct config *config, const struct environments *environments);
