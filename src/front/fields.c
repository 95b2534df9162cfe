/* fields.c: see fields.h. Data only. */
#include "front/fields.h"

#include "common/config.h"

const struct field execute_request_fields[] = {
    {.name = "code", .type = FIELD_STRING, .required = true, .store = offsetof(struct execute_request, code),
     .description = "Python source, run as `main.py` in an empty working folder.",
     .example = "\"print('Hello, World!')\""},
    {.name = "timeout", .type = FIELD_NUMBER, .nullable = true, .store = offsetof(struct execute_request, timeout),
     .has_greater_than = true, .greater_than = 0, .most_setting = FIELD_SETTING(max_timeout),
     .default_setting = FIELD_SETTING(default_timeout),
     .description = "Wall-clock limit in seconds, whole or fractional. `null` means the default.", .example = "5"},
    {.name = NULL},
};

const char *const run_statuses[] = {"ok",           "error",  "timeout",   "cpu_limit", "memory_limit",
                                    "output_limit", "signal", "cancelled", NULL};

static const struct field limit_item = {
    .type = FIELD_STRING, .values = (const char *const[]){"processes", "workspace", "open_files", "memory", NULL}};

static const struct field usage_fields[] = {
    {.name = "cpu_user", .type = FIELD_NUMBER, .required = true, .description = "Processor time in user mode, seconds."},
    {.name = "cpu_system", .type = FIELD_NUMBER, .required = true, .description = "Processor time in the kernel, seconds."},
    {.name = "wall", .type = FIELD_NUMBER, .required = true, .description = "Wall-clock time of the run, seconds."},
    {.name = "queued", .type = FIELD_NUMBER, .required = true,
     .description = "From the complete request to the code handed to a sandbox, seconds."},
    {.name = "setup", .type = FIELD_NUMBER, .required = true,
     .description = "What it took to make the sandbox, ahead of time, seconds."},
    {.name = "memory_peak", .type = FIELD_INTEGER, .required = true, .description = "Most memory in use at once, bytes."},
    {.name = "processes_peak", .type = FIELD_INTEGER, .required = true,
     .description = "Most processes and threads at once; 0 where the kernel does not count them."},
    {.name = "output_bytes", .type = FIELD_INTEGER, .required = true, .description = "Bytes printed on standard output."},
    {.name = "error_bytes", .type = FIELD_INTEGER, .required = true, .description = "Bytes printed on standard error."},
    {.name = NULL},
};

const struct field execute_answer_fields[] = {
    {.name = "output", .type = FIELD_STRING, .required = true, .description = "Standard output.",
     .example = "\"Hello, World!\\n\""},
    {.name = "error", .type = FIELD_STRING, .required = true, .nullable = true,
     .description = "Standard error; when a limit ended the run, one more line says which. `null` when there is nothing to say.",
     .example = "null"},
    {.name = "execution_time", .type = FIELD_NUMBER, .required = true,
     .description = "Seconds of wall clock that the program took.", .example = "0.0021"},
    {.name = "status", .type = FIELD_STRING, .required = true, .values = run_statuses,
     .description = "Why the run ended, as the kernel tells it. `error`: the exit code was not 0.", .example = "\"ok\""},
    {.name = "limits_hit", .type = FIELD_ARRAY, .required = true, .items = &limit_item,
     .description = "Limits that the program ran into without being ended by them.", .example = "[]"},
    {.name = "exit_code", .type = FIELD_INTEGER, .required = true, .nullable = true,
     .description = "`null` when a signal or a limit ended the run.", .example = "0"},
    {.name = "signal", .type = FIELD_STRING, .required = true, .nullable = true,
     .description = "Name of the signal that ended the run, such as `SIGSEGV`.", .example = "null"},
    {.name = "output_truncated", .type = FIELD_BOOL, .required = true,
     .description = "More was printed on standard output than is kept: the middle is missing.", .example = "false"},
    {.name = "error_truncated", .type = FIELD_BOOL, .required = true,
     .description = "More was printed on standard error than is kept: the middle is missing.", .example = "false"},
    {.name = "usage", .type = FIELD_OBJECT, .required = true, .fields = usage_fields, .schema = "Usage",
     .description = "What the run used.",
     .example = "{\"cpu_user\":0.0012,\"cpu_system\":0.0007,\"wall\":0.0021,\"queued\":0.00004,\"setup\":0.0016,"
                "\"memory_peak\":6291456,\"processes_peak\":1,\"output_bytes\":14,\"error_bytes\":0}"},
    {.name = "id", .type = FIELD_STRING, .required = true,
     .description = "Names this run in the logs and in the `X-Request-Id` header.",
     .example = "\"9f86d081884c7d659a2feaa0c55ad015\""},
    {.name = NULL},
};
