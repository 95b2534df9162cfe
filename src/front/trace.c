/* trace.c: see trace.h. Runs in the front. */
#include "front/trace.h"

#include "front/request_id.h"

#include <stdio.h>
#include <string.h>

static bool is_hex(const char *text, size_t size, bool may_be_zero)
{
    static const char digits[] = "0123456789abcdef";
    return strspn(text, digits) >= size && (may_be_zero || strspn(text, "0") < size);
}

/* version-traceid-parentid-flags: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01. Later versions may be longer. */
static bool is_traceparent(const char *text)
{
    const bool first_version = strncmp(text, "00-", 3) == 0;
    return strlen(text) >= TRACEPARENT_SIZE && is_hex(text, 2, true) && strncmp(text, "ff", 2) != 0 && text[2] == '-' &&
           is_hex(text + 3, TRACE_ID_SIZE, false) && text[35] == '-' && is_hex(text + 36, TRACE_SPAN_SIZE, false) &&
           text[52] == '-' && is_hex(text + 53, 2, true) &&
           (text[TRACEPARENT_SIZE] == '\0' || (text[TRACEPARENT_SIZE] == '-' && !first_version));
}

void trace_read(const char *traceparent, struct trace *trace)
{
    char random[REQUEST_ID_MAX + 1];

    *trace = (struct trace){0};
    if (!is_traceparent(traceparent))
        return;
    memcpy(trace->id, traceparent + 3, TRACE_ID_SIZE);
    request_id_make(random);
    memcpy(trace->span, random, TRACE_SPAN_SIZE);
    const char last = traceparent[TRACEPARENT_SIZE - 1]; /* of the flags only this bit is the first version's */
    trace->sampled = ((last <= '9' ? last - '0' : last - 'a' + 10) & 1) != 0;
}

void trace_response(const struct trace *trace, char text[TRACEPARENT_SIZE + 1])
{
    snprintf(text, TRACEPARENT_SIZE + 1, "00-%s-%s-%s", trace->id, trace->span, trace->sampled ? "01" : "00");
}
