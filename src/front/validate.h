/* validate.h: checks a request body against a table of fields, in pydantic v2's words (lax mode) and order. */
#pragma once

#include "common/config.h"
#include "front/buffer.h"
#include "front/fields.h"
#include "front/json_in.h"

/* Checks `in->root` and stores the values at `target` (see struct field). Returns true when all is right. Else
 * `errors` holds the body of the 422 answer, every error listed, or has failed: no memory. Stored strings point into the tree. */
bool validate_body(const struct json_in *in, const struct field *fields, const struct config *config,
                   void *target, struct buffer *errors);

/* The same for what a table cannot say: whether the files of a request that is right otherwise can all be there. */
bool validate_files(const struct json_in *in, const struct config *config, struct execute_request *request, struct buffer *errors);

/* The 422 answers that need no table. */
void validate_missing_body(struct buffer *errors);
void validate_syntax_error(const struct json_in *in, struct buffer *errors);
void validate_not_json(const char *body, size_t size,
                       struct buffer *errors); /* a body of another content type */
