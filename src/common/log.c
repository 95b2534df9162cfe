/* log.c: see log.h. Runs in every process. Values are hostile text: whatever a value holds, a line stays one line.
 *
 * Nothing here allocates, opens a file or takes a lock, so a confined process can log. (gmtime_r() would read the
 * zone file: the date is computed here.) */
#include "common/log.h"

#include "common/clock.h"
#include "common/utf8.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 2048, /* below PIPE_BUF: one write is not torn even when standard error is a pipe */
    VALUE_MAX_BYTES = 512, /* of one string value, before escaping */
    TAIL_RESERVE = 32,     /* room that fields leave for the mark of a cut line and the newline */
    SECONDS_PER_DAY = 86400,
    READER_WAIT_MS = 20,
};

struct line {
    char text[LINE_MAX_BYTES];
    size_t used;
    bool full; /* something did not fit; nothing after it is written */
};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static const char *log_role = "hatchery";
static enum log_level log_least = LOG_INFO;
static bool log_json;

void log_init(const char *role, enum log_level least, bool json)
{
    log_role = role;
    log_least = least;
    log_json = json;
}

bool log_wants(enum log_level level)
{
    return level >= log_least;
}

static void put(struct line *line, const char *bytes, size_t count)
{
    if (line->full || count > sizeof line->text - TAIL_RESERVE - line->used) {
        line->full = true;
        return;
    }
    memcpy(line->text + line->used, bytes, count);
    line->used += count;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

static bool is_bare(const char *value)
{
    if (value[0] == '\0')
        return false;
    for (const char *p = value; *p != '\0'; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
              strchr("_-.,:/@+%[]()", *p) != NULL))
            return false;
    return true;
}

/* Text lines are printable ASCII: every other byte is shown as \xNN, so that a terminal cannot be driven. */
static void put_quoted_text(struct line *line, const unsigned char *value, size_t size)
{
    put_text(line, "\"");
    for (size_t i = 0; i < size; i++) {
        char escaped[8];
        if (value[i] == '"' || value[i] == '\\')
            snprintf(escaped, sizeof escaped, "\\%c", value[i]);
        else if (value[i] == '\n')
            snprintf(escaped, sizeof escaped, "\\n");
        else if (value[i] < 0x20 || value[i] >= 0x7f)
            snprintf(escaped, sizeof escaped, "\\x%02x", (unsigned)value[i]);
        else
            snprintf(escaped, sizeof escaped, "%c", value[i]);
        put_text(line, escaped);
    }
    put_text(line, "\"");
}

static void put_quoted_json(struct line *line, const unsigned char *value, size_t size)
{
    put_text(line, "\"");
    for (size_t i = 0; i < size;) {
        size_t length = utf8_sequence(value + i, size - i);
        if (length == 0) {
            put_text(line, "\\ufffd");
            i++;
        } else if (length == 1 && (value[i] == '"' || value[i] == '\\')) {
            char escaped[2] = {'\\', (char)value[i]};
            put(line, escaped, sizeof escaped);
            i++;
        } else if (length == 1 && (value[i] < 0x20 || value[i] == 0x7f)) {
            char escaped[8];
            snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)value[i]);
            put_text(line, escaped);
            i++;
        } else {
            put(line, (const char *)value + i, length);
            i += length;
        }
    }
    put_text(line, "\"");
}

static void put_string(struct line *line, const char *value)
{
    if (value == NULL) {
        put_text(line, log_json ? "null" : "-");
        return;
    }
    size_t size = strnlen(value, VALUE_MAX_BYTES + 1);
    bool cut = size > VALUE_MAX_BYTES;
    if (cut)
        size = VALUE_MAX_BYTES;
    if (log_json)
        put_quoted_json(line, (const unsigned char *)value, size);
    else if (!cut && is_bare(value))
        put(line, value, size);
    else
        put_quoted_text(line, (const unsigned char *)value, size);
}

/* Microseconds are what a reader can use: 0.0003, 12.5, 5. */
static void put_seconds(struct line *line, double seconds)
{
    char number[64];
    if (!isfinite(seconds) || fabs(seconds) > 1e15) {
        put_text(line, log_json ? "null" : "-");
        return;
    }
    int length = snprintf(number, sizeof number, "%.6f", seconds);
    while (length > 0 && number[length - 1] == '0')
        length--;
    if (length > 0 && number[length - 1] == '.')
        length--;
    put(line, number, (size_t)length);
}

static void put_field(struct line *line, const struct log_field *field)
{
    size_t start = line->used;

    put_text(line, log_json ? ",\"" : " ");
    put_text(line, field->key);
    put_text(line, log_json ? "\":" : "=");
    if (field->type == LOG_FIELD_STRING) {
        put_string(line, field->string);
    } else if (field->type == LOG_FIELD_INT) {
        char number[32];
        snprintf(number, sizeof number, "%lld", (long long)field->integer);
        put_text(line, number);
    } else {
        put_seconds(line, field->seconds);
    }
    if (line->full)
        line->used = start; /* never half a field */
}

/* "2026-11-22T20:00:00.123Z"; the civil date from the day number, as in Hinnant's days_from_civil. */
static void put_time(struct line *line)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t days = now.tv_sec / SECONDS_PER_DAY;
    int second_of_day = (int)(now.tv_sec % SECONDS_PER_DAY);
    int64_t shifted = days + 719468; /* days since 0000-03-01 */
    int64_t era = shifted / 146097;
    int64_t day_of_era = shifted % 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
    char text[96];
    snprintf(text, sizeof text, "%04lld-%02lld-%02lldT%02d:%02d:%02d.%03dZ", (long long)year,
             (long long)month, (long long)day, second_of_day / 3600, second_of_day / 60 % 60,
             second_of_day % 60, (int)(now.tv_nsec / 1000000));
    put_text(line, text);
}

static void put_start(struct line *line, enum log_level level, const char *event)
{
    put_text(line, log_json ? "{\"time\":\"" : "");
    put_time(line);
    put_text(line, log_json ? "\",\"level\":\"" : " ");
    put_text(line, level_names[level]);
    put_text(line, log_json ? "\",\"role\":\"" : " ");
    put_text(line, log_role);
    put_text(line, log_json ? "\",\"event\":\"" : " ");
    put_text(line, event);
    put_text(line, log_json ? "\"" : "");
}

/* Writes what can be written now: whoever reads standard error may be slow, stopped or gone. */
static bool write_now(const struct line *line)
{
    static bool is_no_socket;
    ssize_t n = -1;
    while (!is_no_socket && (n = send(STDERR_FILENO, line->text, line->used, MSG_DONTWAIT | MSG_NOSIGNAL)) < 0 && errno != EAGAIN) {
        is_no_socket = errno == ENOTSOCK;
        if (!is_no_socket && errno != EINTR)
            break;
    }
    if (!is_no_socket)
        return n >= 0;
    /* A pipe that says it is writable has room for a line, unless another process takes the last of it in this moment. */
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&room, 1, 0) != 1 || (room.revents & POLLOUT) == 0)
        return false;
    do
        n = write(STDERR_FILENO, line->text, line->used);
    while (n < 0 && errno == EINTR);
    return n >= 0;
}

/* A reader that is only slow is waited for, for a tenth of the time at most. */
static bool write_line(const struct line *line)
{
    static uint64_t wait_again_at;
    if (write_now(line))
        return true;
    const uint64_t began = now_ns();
    if (began < wait_again_at)
        return false;
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    poll(&room, 1, READER_WAIT_MS);
    const uint64_t now = now_ns();
    wait_again_at = now + (now - began) * 10;
    return write_now(line);
}

static void compose(struct line *line, enum log_level level, const char *event, const struct log_field *fields)
{
    line->used = 0;
    line->full = false;
    put_start(line, level, event);
    for (; fields != NULL && fields->key != NULL && !line->full; fields++)
        if (fields->key[0] != '\0')
            put_field(line, fields);
    const char *end =
        log_json ? (line->full ? ",\"cut\":true}\n" : "}\n") : (line->full ? " cut=true\n" : "\n");
    size_t end_size = strlen(end);
    memcpy(line->text + line->used, end, end_size); /* TAIL_RESERVE keeps the room */
    line->used += end_size;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    static int64_t lost; /* lines of this process since the last one that was written */
    struct line line;
    int saved = errno;

    if (lost > 0) {
        compose(&line, LOG_WARN, "log.lost", (const struct log_field[]){LOG_I("lines", lost), {.key = NULL}});
        if (write_line(&line))
            lost = 0;
    }
    compose(&line, level, event, fields);
    if (!write_line(&line))
        lost++;
    errno = saved; /* a log that cannot be written must not change what the caller sees */
}
