/* answer.h: the answer to a run, in the words of the API. */
#pragma once

#include "front/run.h"

/* Why the run ended: "ok", "timeout", ... */
const char *answer_status(const struct message_run_ended *end);

/* Writes the answer's JSON object. Not for RUN_FAILED. */
void answer_write(struct buffer *out, const struct run *run, const struct message_run_ended *end);
