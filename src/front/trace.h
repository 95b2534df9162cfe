/* trace.h: the trace that a request belongs to (W3C Trace Context): for the logs, and for who sent it. */
#pragma once

#include <stdbool.h>

enum { TRACE_ID_SIZE = 32, TRACE_SPAN_SIZE = 16, TRACEPARENT_SIZE = 55 };

struct trace {
    char id[TRACE_ID_SIZE + 1]; /* "" when the client named none */
    char span[TRACE_SPAN_SIZE + 1]; /* our part in it */
    bool sampled;
};

/* Reads a traceparent header, and names our part. */
void trace_read(const char *traceparent, struct trace *trace);

/* The value of a traceresponse header. */
void trace_response(const struct trace *trace, char text[TRACEPARENT_SIZE + 1]);
