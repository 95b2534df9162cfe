/* answer.c: see answer.h. Runs in the front. Fields and order are those of execute_answer_fields; a test compares.
 * How the run ended is the broker's word; of the program's come only the two streams. */
#include "front/answer.h"

#include "front/fields.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { LINE_MAX = 256 };

const char *answer_status(const struct message_run_ended *end)
{
    switch ((enum run_outcome)end->outcome) {
    case RUN_EXITED:
        return end->exit_code == 0 ? "ok" : "error";
    case RUN_SIGNALED:
        return "signal";
    case RUN_TIMEOUT:
        return "timeout";
    case RUN_CPU_LIMIT:
        return "cpu_limit";
    case RUN_MEMORY_LIMIT:
        return "memory_limit";
    case RUN_OUTPUT_LIMIT:
        return "output_limit";
    case RUN_CANCELLED:
        return "cancelled";
    case RUN_FAILED:
        break;
    }
    return "failed";
}

/* "256 MiB (268435456 bytes)" */
static void size_text(uint64_t bytes, char *text, size_t size)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;
    char number[NUMBER_TEXT_MAX];

    while (value >= 1024 && unit < sizeof units / sizeof *units - 1) {
        value /= 1024;
        unit++;
    }
    snprintf(number, sizeof number, "%.1f", value);
    if (strcmp(number + strlen(number) - 2, ".0") == 0)
        number[strlen(number) - 2] = '\0';
    if (unit == 0)
        snprintf(text, size, "%s bytes", number);
    else
        snprintf(text, size, "%s %s (%llu bytes)", number, units[unit], (unsigned long long)bytes);
}

/* What the service adds to standard error; "" for nothing. */
static void limit_line(const struct run *run, const struct message_run_ended *end, char line[LINE_MAX])
{
    char number[NUMBER_TEXT_MAX], limit[64], peak[64];

    line[0] = '\0';
    switch ((enum run_outcome)end->outcome) {
    case RUN_TIMEOUT:
        number_text(run->timeout, number);
        snprintf(line, LINE_MAX, "Execution timed out after %s seconds", number);
        break;
    case RUN_CPU_LIMIT:
        snprintf(line, LINE_MAX, "Processor time limit reached after %.3f seconds of processor time",
                 (double)(end->cpu_user_ns + end->cpu_system_ns) / 1e9);
        break;
    case RUN_MEMORY_LIMIT:
        size_text(end->memory_limit, limit, sizeof limit);
        size_text(end->memory_peak, peak, sizeof peak);
        snprintf(line, LINE_MAX, "Memory limit of %s exceeded; the peak was %s", limit, peak);
        break;
    case RUN_OUTPUT_LIMIT:
        size_text((uint64_t)run->output_limit * OUTPUT_HARD_MULTIPLE, limit, sizeof limit);
        snprintf(line, LINE_MAX, "Output limit exceeded: the run was ended after more than %s on one stream",
                 limit);
        break;
    case RUN_EXITED:
        snprintf(line, LINE_MAX, "%s", run->hint);
        break;
    case RUN_SIGNALED:
    case RUN_CANCELLED:
    case RUN_FAILED:
        break;
    }
}

static void write_error(struct buffer *out, const struct run *run, const struct message_run_ended *end)
{
    char line[LINE_MAX];
    struct json_text text;

    limit_line(run, end, line);
    if (line[0] == '\0' && run->error.total == 0) {
        buffer_text(out, "null");
        return;
    }
    json_text_begin(&text, out);
    output_write(&run->error, &text);
    if (line[0] != '\0') {
        if (run->error.total > 0 && output_last(&run->error) != '\n')
            json_text_add(&text, "\n", 1);
        json_text_add(&text, line, strlen(line));
        json_text_add(&text, "\n", 1);
    }
    json_text_end(&text);
}

static void write_limits_hit(struct buffer *out, uint32_t hit)
{
    static const struct {
        enum limit_hit bit;
        const char *name;
    } names[] = {{LIMIT_HIT_PROCESSES, "\"processes\""},
                 {LIMIT_HIT_WORKSPACE, "\"workspace\""},
                 {LIMIT_HIT_OPEN_FILES, "\"open_files\""},
                 {LIMIT_HIT_MEMORY, "\"memory\""}};
    bool first = true;

    buffer_byte(out, '[');
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if ((hit & names[i].bit) == 0)
            continue;
        if (!first)
            buffer_byte(out, ',');
        first = false;
        buffer_text(out, names[i].name);
    }
    buffer_byte(out, ']');
}

static void write_usage(struct buffer *out, const struct run *run, const struct message_run_ended *end)
{
    const struct {
        const char *name;
        uint64_t ns;
    } times[] = {{"{\"cpu_user\":", end->cpu_user_ns},
                 {",\"cpu_system\":", end->cpu_system_ns},
                 {",\"wall\":", end->wall_ns},
                 {",\"queued\":", run->started_ns - run->received_ns},
                 {",\"setup\":", run->sandbox != NULL ? run->sandbox->setup_ns : 0}};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        buffer_text(out, times[i].name);
        json_write_seconds(out, times[i].ns);
    }
    buffer_format(out,
                  ",\"memory_peak\":%llu,\"processes_peak\":%u,\"output_bytes\":%llu,\"error_bytes\":%llu}",
                  (unsigned long long)end->memory_peak, end->processes_peak,
                  (unsigned long long)run->output.total, (unsigned long long)run->error.total);
}

static void write_signal(struct buffer *out, const struct message_run_ended *end)
{
    const char *name = end->outcome == RUN_SIGNALED ? sigabbrev_np(end->signal) : NULL;
    if (name != NULL)
        buffer_format(out, "\"SIG%s\"", name);
    else if (end->outcome == RUN_SIGNALED)
        buffer_format(out, "\"SIG%d\"", end->signal); /* a real-time signal has no name */
    else
        buffer_text(out, "null");
}

void answer_write(struct buffer *out, const struct run *run, const struct message_run_ended *end)
{
    struct json_text text;

    buffer_text(out, "{\"output\":");
    json_text_begin(&text, out);
    output_write(&run->output, &text);
    json_text_end(&text);
    buffer_text(out, ",\"error\":");
    write_error(out, run, end);
    buffer_text(out, ",\"execution_time\":");
    json_write_seconds(out, end->wall_ns);
    buffer_format(out, ",\"status\":\"%s\",\"limits_hit\":", answer_status(end));
    write_limits_hit(out, end->limits_hit | report_limits_hit(run->report));
    if (end->outcome == RUN_EXITED)
        buffer_format(out, ",\"exit_code\":%d,\"signal\":", end->exit_code);
    else
        buffer_text(out, ",\"exit_code\":null,\"signal\":");
    write_signal(out, end);
    buffer_format(out, ",\"output_truncated\":%s,\"error_truncated\":%s,\"stack\":",
                  output_truncated(&run->output) ? "true" : "false",
                  output_truncated(&run->error) ? "true" : "false");
    report_write_stack(out, run->report);
    buffer_text(out, ",\"exception\":");
    report_write_exception(out, run->report);
    buffer_text(out, ",\"usage\":");
    write_usage(out, run, end);
    buffer_byte(out, ',');
    collection_write(out, run->collection);
    buffer_format(out, ",\"id\":\"%s\"}", run->id);
}
