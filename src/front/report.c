/* report.c: see report.h. Runs in the front. Every byte is a hostile program's: sizes are clamped, texts are only ever shown,
 * what does not look right is left out. */
#include "front/report.h"

#include "front/json_out.h"
#include "front/memory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS_MAX = 100, FRAMES_MAX = 200 };

struct report *report_read(int fd, const struct message_run_ended *end)
{
    const bool exception = (end->outcome == RUN_EXITED && end->exit_code != 0) || end->outcome == RUN_SIGNALED;
    const bool stack = end->outcome == RUN_TIMEOUT || end->outcome == RUN_CPU_LIMIT;
    if (fd < 0 || (!exception && !stack))
        return NULL;
    struct report *report = memory_needed(malloc(sizeof *report));
    if (read(fd, report, sizeof *report) != (ssize_t)sizeof *report) {
        free(report);
        return NULL;
    }
    if (!exception || report->exception_size > sizeof report->exception)
        report->exception_size = 0;
    if (!stack || report->stack_size > sizeof report->stack)
        report->stack_size = 0;
    return report;
}

/* --- the exception ----------------------------------------------------------------------------------------------- */

struct texts {
    const char *at;
    size_t left;
};

/* The next text; NULL: there is none that is complete. */
static const char *next_text(struct texts *texts)
{
    const char *text = texts->at;
    const size_t size = strnlen(text, texts->left);
    if (size == texts->left)
        return NULL;
    texts->at += size + 1;
    texts->left -= size + 1;
    return text;
}

static void write_text(struct buffer *out, const char *name, const char *text)
{
    buffer_format(out, "\"%s\":", name);
    json_write_string(out, text, strlen(text));
}

static long positive(const char *digits)
{
    char *end;
    const long value = strtol(digits, &end, 10);
    return *digits != '\0' && *end == '\0' && value > 0 ? value : 0;
}

static void write_line(struct buffer *out, long line)
{
    if (line > 0)
        buffer_format(out, "\"line\":%ld", line);
    else
        buffer_text(out, "\"line\":null");
}

static void write_frame(struct buffer *out, const char *file, long line, const char *function)
{
    buffer_byte(out, '{');
    write_text(out, "file", file);
    buffer_byte(out, ',');
    write_line(out, line);
    buffer_byte(out, ',');
    write_text(out, "function", function);
    buffer_byte(out, '}');
}

struct exception {
    const char *type, *message, *number, *line;
    struct texts frames;
};

static bool read_exception(const struct report *report, struct exception *exception)
{
    if (report == NULL || report->exception_size == 0)
        return false;
    exception->frames = (struct texts){report->exception, report->exception_size};
    exception->type = next_text(&exception->frames);
    exception->message = exception->type != NULL ? next_text(&exception->frames) : NULL;
    exception->number = exception->message != NULL ? next_text(&exception->frames) : NULL;
    exception->line = exception->number != NULL ? next_text(&exception->frames) : NULL;
    return exception->line != NULL && exception->type[0] != '\0';
}

void report_write_exception(struct buffer *out, const struct report *report)
{
    struct exception exception;
    if (!read_exception(report, &exception)) {
        buffer_text(out, "null");
        return;
    }
    buffer_byte(out, '{');
    write_text(out, "type", exception.type);
    if (exception.message[0] == '=') {
        buffer_byte(out, ',');
        write_text(out, "message", exception.message + 1);
    } else {
        buffer_text(out, ",\"message\":null");
    }
    buffer_byte(out, ',');
    write_line(out, positive(exception.line));
    buffer_text(out, ",\"frames\":[");
    for (int count = 0; count < FRAMES_MAX; count++) {
        const char *file = next_text(&exception.frames);
        const char *line = file != NULL ? next_text(&exception.frames) : NULL;
        const char *function = line != NULL ? next_text(&exception.frames) : NULL;
        if (function == NULL)
            break;
        if (count > 0)
            buffer_byte(out, ',');
        write_frame(out, file, positive(line), function);
    }
    buffer_text(out, "]}");
}

uint32_t report_limits_hit(const struct report *report)
{
    struct exception exception;
    if (!read_exception(report, &exception))
        return 0;
    switch (positive(exception.number)) {
    case EMFILE:
        return LIMIT_HIT_OPEN_FILES;
    case ENOSPC:
    case EFBIG:
        return LIMIT_HIT_WORKSPACE;
    default:
        return 0;
    }
}

/* --- the stack --------------------------------------------------------------------------------------------------- */

/* "  File "NAME", line N in FUNCTION": where its parts begin; changes the text. False: it is another line. */
static bool parse_frame(char *text, const char **file, long *line, const char **function)
{
    static const char begin[] = "  File \"", middle[] = "\", line ";
    if (strncmp(text, begin, sizeof begin - 1) != 0)
        return false;
    text += sizeof begin - 1;
    char *number = NULL;
    for (char *p = strstr(text, middle); p != NULL; p = strstr(p + 1, middle)) /* a name may look like anything: the last one */
        number = p;
    char *in = number != NULL ? strstr(number, " in ") : NULL;
    if (in == NULL)
        return false;
    *number = *in = '\0';
    *file = text;
    *line = positive(number + sizeof middle - 1);
    *function = in + 4;
    return true;
}

/* "Thread 0x00007f… (most recent call first):", or "Current thread …"; 0: it is another line. */
static unsigned long long parse_thread(const char *text)
{
    const char *number = strncmp(text, "Thread 0x", 9) == 0 ? text + 7 : strncmp(text, "Current thread 0x", 17) == 0 ? text + 15 : NULL;
    return number != NULL ? strtoull(number, NULL, 16) : 0;
}

/* The frames of one thread, which the dump lists from the innermost on; the other way round. Returns the next line. */
static char *write_thread(struct buffer *out, unsigned long long thread, unsigned long long main_thread, char *at)
{
    struct {
        const char *file, *function;
        long line;
    } frames[FRAMES_MAX];
    int count = 0;
    while (*at != '\0' && parse_thread(at) == 0) {
        char *end = at + strcspn(at, "\n"), *next = *end != '\0' ? end + 1 : end;
        *end = '\0';
        if (count < FRAMES_MAX && parse_frame(at, &frames[count].file, &frames[count].line, &frames[count].function))
            count++;
        at = next;
    }
    if (thread == main_thread)
        buffer_text(out, "{\"thread\":\"MainThread\",\"frames\":[");
    else
        buffer_format(out, "{\"thread\":\"0x%llx\",\"frames\":[", thread);
    for (int i = count - 1; i >= 0; i--) {
        write_frame(out, frames[i].file, frames[i].line, frames[i].function);
        if (i > 0)
            buffer_byte(out, ',');
    }
    buffer_text(out, "]}");
    return at;
}

void report_write_stack(struct buffer *out, const struct report *report)
{
    char text[REPORT_STACK_MAX + 1];
    int threads = 0;
    if (report == NULL || report->stack_size == 0) {
        buffer_text(out, "null");
        return;
    }
    memcpy(text, report->stack, report->stack_size);
    text[report->stack_size] = '\0';
    for (char *at = text; *at != '\0' && threads < THREADS_MAX;) {
        const unsigned long long thread = parse_thread(at);
        char *end = at + strcspn(at, "\n");
        at = *end != '\0' ? end + 1 : end;
        if (thread == 0)
            continue;
        buffer_byte(out, threads++ == 0 ? '[' : ',');
        at = write_thread(out, thread, report->main_thread, at);
    }
    buffer_text(out, threads > 0 ? "]" : "null");
}
