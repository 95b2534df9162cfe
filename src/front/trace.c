/* trace.c: see trace.h. Runs in the front. */
#include "front/trace.h"

#include <stdbool.h>
#include <string.h>

static bool is_hex(const char *text, size_t size, bool may_be_zero)
{
    static const char digits[] = "0123456789abcdef";
    return strspn(text, digits) >= size && (may_be_zero || strspn(text, "0") < size);
}

/* version-traceid-parentid-flags: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01. Later versions may be longer. */
void trace_id(const char *text, char id[TRACE_ID_SIZE + 1])
{
    const bool first_version = strncmp(text, "00-", 3) == 0;

    id[0] = '\0';
    if (strlen(text) < TRACEPARENT_SIZE || !is_hex(text, 2, true) || strncmp(text, "ff", 2) == 0 || text[2] != '-' ||
        !is_hex(text + 3, TRACE_ID_SIZE, false) || text[35] != '-' || !is_hex(text + 36, 16, false) || text[52] != '-' ||
        !is_hex(text + 53, 2, true) || (first_version ? text[TRACEPARENT_SIZE] != '\0' : text[TRACEPARENT_SIZE] != '\0' && text[TRACEPARENT_SIZE] != '-'))
        return;
    memcpy(id, text + 3, TRACE_ID_SIZE);
    id[TRACE_ID_SIZE] = '\0';
}
