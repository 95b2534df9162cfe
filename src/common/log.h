/* log.h: the one logging convention: one line an event, readable or JSON, on standard error.
 *
 * An event has a dotted name ("run.ended") and typed fields. Never log a program's code or output. Values are
 * escaped, so that nothing from outside can forge a line. A line is written with one system call: lines of
 * different processes do not mix. A reader that is slow is
 * waited for a little, one that does not read is not: a line that cannot be written is lost, and the next one says how many were. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
    const char *key; /* NULL ends the list */
    enum { LOG_FIELD_STRING, LOG_FIELD_INT, LOG_FIELD_SECONDS } type;
    const char *string;
    int64_t integer;
    double seconds;
};

#define LOG_S(k, v) {.key = (k), .type = LOG_FIELD_STRING, .string = (v)}
#define LOG_OPT(k, v) LOG_S((v)[0] != '\0' ? (k) : "", v) /* left out when it is "" */
#define LOG_I(k, v) {.key = (k), .type = LOG_FIELD_INT, .integer = (v)}
#define LOG_T(k, v) {.key = (k), .type = LOG_FIELD_SECONDS, .seconds = (v)}

/* `role` ("broker", "front", ...) must outlive the process; stands in every line. */
void log_init(const char *role, enum log_level least, bool json);
bool log_wants(enum log_level level);
void log_write(enum log_level level, const char *event, const struct log_field *fields);

/* log_event(LOG_INFO, "run.ended", LOG_S("id", id), LOG_T("wall", 0.1)); at least one field */
#define log_event(level, event, ...)                                                           \
    do {                                                                                       \
        if (log_wants(level))                                                                  \
            log_write(level, event, (const struct log_field[]){__VA_ARGS__, {.key = (void *)0}}); \
    } while (0)
