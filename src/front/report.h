/* report.h: what a program's own process says of its end: its uncaught exception, and where its threads were. */
#pragma once

#include "common/protocol.h"
#include "front/buffer.h"

/* Reads the report of a run that ended so, where it can have one to show. The caller frees it; NULL: none. */
struct report *report_read(int fd, const struct message_run_ended *end);

/* Each writes a JSON value: an object or an array, or null. `report` may be NULL. */
void report_write_exception(struct buffer *out, const struct report *report);
void report_write_stack(struct buffer *out, const struct report *report);

/* The limits (enum limit_hit) that the exception speaks of. */
uint32_t report_limits_hit(const struct report *report);
