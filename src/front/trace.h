/* trace.h: the trace that a request belongs to (W3C Trace Context), for the logs. */
#pragma once

enum { TRACE_ID_SIZE = 32, TRACEPARENT_SIZE = 55 };

/* The trace id of a traceparent header; "" when it is none. */
void trace_id(const char *traceparent, char id[TRACE_ID_SIZE + 1]);
