/* fields.c: see fields.h. Data, and what reads it. */
#include "front/fields.h"

#include "common/protocol.h"
#include "front/texts.h"

#include <stdlib.h>
#include <string.h>

/* A program's argument or variable has at most 128 KiB (MAX_ARG_STRLEN): that many characters fit whatever their size. */
enum { ARGUMENT_CHARACTERS_MAX = 32767, ARGUMENTS_MAX = 256, VARIABLES_MAX = 256, VARIABLE_NAME_MAX = 255, FILES_MAX = 1024 };
enum { MEMORY_MIN = 16 << 20, OUTPUT_MIN = 1024, WORKSPACE_MIN = 64 << 10, OPEN_FILES_MIN = 16, CPU_TIME_MAX = 86400 };

static const struct field argument_item = {.type = FIELD_STRING,
                                           .most_length = ARGUMENT_CHARACTERS_MAX,
                                           .check = text_check_argument,
                                           .pattern = TEXT_ARGUMENT_PATTERN};
static const struct field variable_name = {.type = FIELD_STRING,
                                           .most_length = VARIABLE_NAME_MAX,
                                           .check = text_check_variable,
                                           .pattern = TEXT_VARIABLE_PATTERN};

static const char *check_file(const void *stored)
{
    const struct input_file *file = stored;
    return (file->content.data != NULL) == (file->content_base64.data != NULL)
               ? "a file has either \"content\", text, or \"content_base64\", bytes"
               : NULL;
}

static const struct field file_fields[] = {
    {.name = "path",
     .type = FIELD_STRING,
     .required = true,
     .store = offsetof(struct input_file, path),
     .check = text_check_path,
     .pattern = TEXT_PATH_PATTERN,
     .description = "Where it goes below the working folder: at most 16 parts of at most 255 bytes each, separated by `/`. Folders "
                    "are made as needed.",
     .example = "\"data/numbers.csv\""},
    {.name = "content",
     .type = FIELD_STRING,
     .nullable = true,
     .store = offsetof(struct input_file, content),
     .description = "What it holds, as text; written as UTF-8.",
     .example = "\"1,2\\n3,4\\n\""},
    {.name = "content_base64",
     .type = FIELD_STRING,
     .nullable = true,
     .store = offsetof(struct input_file, content_base64),
     .check = text_check_base64,
     .pattern = TEXT_BASE64_PATTERN,
     .description = "What it holds, as bytes in Base64 (RFC 4648), padded; white space in it is ignored."},
    {.name = NULL},
};

static const struct field file_item = {.type = FIELD_OBJECT, .fields = file_fields, .schema = "InputFile",
                                       .check_whole = check_file,
                                       .one_of = (const char *const[]){"content", "content_base64"}};

static const struct field pattern_item = {.type = FIELD_STRING, .check = text_check_glob, .pattern = TEXT_GLOB_PATTERN, .most_length = COLLECT_PATTERN_BYTES_MAX};

/* The bounds from below are those of the settings. */
static const struct field limits_fields[] = {
    {.name = "cpu_time",
     .type = FIELD_NUMBER,
     .nullable = true,
     .store = offsetof(struct run_limits, cpu_time),
     .has_greater_than = true,
     .most_setting = FIELD_ENVIRONMENT(limit_cpu_time),
     .of_environment = true,
     .most = CPU_TIME_MAX,
     .description = "Processor time in seconds, of all processes together."},
    {.name = "memory",
     .type = FIELD_INTEGER,
     .nullable = true,
     .store = offsetof(struct run_limits, memory),
     .least = MEMORY_MIN,
     .most_setting = FIELD_ENVIRONMENT(limit_memory),
     .of_environment = true,
     .description = "Memory in bytes, swap, files and standard input included."},
    {.name = "processes",
     .type = FIELD_INTEGER,
     .nullable = true,
     .store = offsetof(struct run_limits, processes),
     .least = 1,
     .most_setting = FIELD_ENVIRONMENT(limit_processes),
     .of_environment = true,
     .description = "Processes and threads."},
    {.name = "output",
     .type = FIELD_INTEGER,
     .nullable = true,
     .store = offsetof(struct run_limits, output),
     .least = OUTPUT_MIN,
     .most_setting = FIELD_ENVIRONMENT(limit_output),
     .of_environment = true,
     .description = "Bytes kept of each of standard output and standard error."},
    {.name = "workspace",
     .type = FIELD_INTEGER,
     .nullable = true,
     .store = offsetof(struct run_limits, workspace),
     .least = WORKSPACE_MIN,
     .most_setting = FIELD_ENVIRONMENT(limit_workspace),
     .of_environment = true,
     .description = "Bytes of the working folder; `/tmp` and `/dev/shm` have as many each."},
    {.name = "open_files",
     .type = FIELD_INTEGER,
     .nullable = true,
     .store = offsetof(struct run_limits, open_files),
     .least = OPEN_FILES_MIN,
     .most_setting = FIELD_ENVIRONMENT(limit_open_files),
     .of_environment = true,
     .description = "Open files of one process."},
    {.name = NULL},
};

static const char *environment_name(const struct config *config, size_t i)
{
    return i < config->environment_count ? config->environments[i].name : NULL;
}

const struct field execute_request_fields[] = {
    {.name = "code",
     .type = FIELD_STRING,
     .required = true,
     .store = offsetof(struct execute_request, code),
     .description = "Python source, run as `main.py` in an empty working folder.",
     .example = "\"print('Hello, World!')\""},
    {.name = "timeout",
     .type = FIELD_NUMBER,
     .nullable = true,
     .store = offsetof(struct execute_request, timeout),
     .has_greater_than = true,
     .greater_than = 0,
     .most_setting = FIELD_SETTING(max_timeout),
     .default_setting = FIELD_SETTING(default_timeout),
     .description = "Wall-clock limit in seconds, whole or fractional. `null` means the default.",
     .example = "5"},
    {.name = "stdin",
     .type = FIELD_STRING,
     .nullable = true,
     .store = offsetof(struct execute_request, stdin_text),
     .description = "What the program reads on standard input; then end of file."},
    {.name = "args",
     .type = FIELD_ARRAY,
     .nullable = true,
     .store = offsetof(struct execute_request, args),
     .most_length = ARGUMENTS_MAX,
     .item_size = sizeof(struct string_view),
     .items = &argument_item,
     .description = "Command-line arguments: `sys.argv[1:]`."},
    {.name = "env",
     .type = FIELD_MAP,
     .nullable = true,
     .store = offsetof(struct execute_request, env),
     .most_length = VARIABLES_MAX,
     .item_size = sizeof(struct string_pair),
     .keys = &variable_name,
     .items = &argument_item,
     .description = "Environment variables, added to the few that every program has. Names that begin with `PYTHON` are "
                    "refused: the interpreter read them when it started."},
    {.name = "environment",
     .type = FIELD_STRING,
     .store = offsetof(struct execute_request, environment),
     .choice = environment_name,
     .description = "Which of the server's Python environments runs it; `GET /info` describes them.",
     .example = "\"default\""},
    {.name = "files",
     .type = FIELD_ARRAY,
     .nullable = true,
     .store = offsetof(struct execute_request, files),
     .most_length = FILES_MAX,
     .item_size = sizeof(struct input_file),
     .items = &file_item,
     .description = "Files that are there when the program starts."},
    {.name = "collect",
     .type = FIELD_ARRAY,
     .nullable = true,
     .store = offsetof(struct execute_request, collect),
     .most_length = COLLECT_PATTERNS_MAX,
     .item_size = sizeof(struct string_view),
     .items = &pattern_item,
     .description = "Which files to send back when the run is over: patterns of paths below the working folder, as those of Python's "
                    "`glob`; `**` crosses folders. `main.py` itself is meant only by its name.",
     .example = "[\"*.png\", \"out/**\"]"},
    {.name = "limits",
     .type = FIELD_OBJECT,
     .nullable = true,
     .store = offsetof(struct execute_request, limits),
     .fields = limits_fields,
     .schema = "Limits",
     .description = "Limits of this run; each can only be lower than the environment's own."},
    {.name = NULL},
};

const char *const run_statuses[] = {"ok",           "error",  "timeout",   "cpu_limit", "memory_limit",
                                    "output_limit", "signal", "cancelled", NULL};

static const struct field limit_item = {.type = FIELD_STRING,
                                        .values = (const char *const[]){"processes", "workspace",
                                                                        "open_files", "memory", NULL}};

static const struct field usage_fields[] = {
    {.name = "cpu_user",
     .type = FIELD_NUMBER,
     .required = true,
     .description = "Processor time in user mode, seconds."},
    {.name = "cpu_system",
     .type = FIELD_NUMBER,
     .required = true,
     .description = "Processor time in the kernel, seconds."},
    {.name = "wall",
     .type = FIELD_NUMBER,
     .required = true,
     .description = "Wall-clock time of the run, seconds."},
    {.name = "queued",
     .type = FIELD_NUMBER,
     .required = true,
     .description = "From the complete request to the code handed to a sandbox, seconds."},
    {.name = "setup",
     .type = FIELD_NUMBER,
     .required = true,
     .description = "What it took to make the sandbox, ahead of time, seconds."},
    {.name = "memory_peak",
     .type = FIELD_INTEGER,
     .required = true,
     .description = "Most memory in use at once, bytes."},
    {.name = "processes_peak",
     .type = FIELD_INTEGER,
     .required = true,
     .description = "Most processes and threads at once; 0 where the kernel does not count them."},
    {.name = "output_bytes",
     .type = FIELD_INTEGER,
     .required = true,
     .description = "Bytes printed on standard output."},
    {.name = "error_bytes",
     .type = FIELD_INTEGER,
     .required = true,
     .description = "Bytes printed on standard error."},
    {.name = NULL},
};

static const struct field frame_fields[] = {
    {.name = "file", .type = FIELD_STRING, .required = true},
    {.name = "line", .type = FIELD_INTEGER, .required = true, .nullable = true},
    {.name = "function", .type = FIELD_STRING, .required = true},
    {.name = NULL},
};

static const struct field frame_item = {.type = FIELD_OBJECT, .fields = frame_fields, .schema = "Frame"};

static const struct field thread_fields[] = {
    {.name = "thread", .type = FIELD_STRING, .required = true, .description = "`MainThread`, or the number of another one."},
    {.name = "frames", .type = FIELD_ARRAY, .required = true, .items = &frame_item, .description = "Innermost last."},
    {.name = NULL},
};

static const struct field thread_item = {.type = FIELD_OBJECT, .fields = thread_fields, .schema = "Thread"};

static const struct field exception_fields[] = {
    {.name = "type", .type = FIELD_STRING, .required = true, .description = "As a traceback names it.", .example = "\"ValueError\""},
    {.name = "message",
     .type = FIELD_STRING,
     .required = true,
     .nullable = true,
     .description = "Its text; `null` where the program's own code makes it (`error` has it).",
     .example = "\"no\""},
    {.name = "line",
     .type = FIELD_INTEGER,
     .required = true,
     .nullable = true,
     .description = "In `main.py`: the innermost one.",
     .example = "3"},
    {.name = "frames",
     .type = FIELD_ARRAY,
     .required = true,
     .items = &frame_item,
     .description = "Innermost last; of more than 100 the first and the last 50.",
     .example = "[{\"file\":\"/sandbox/main.py\",\"line\":3,\"function\":\"<module>\"}]"},
    {.name = NULL},
};

static const struct field collected_fields[] = {
    {.name = "path",
     .type = FIELD_STRING,
     .required = true,
     .description = "Below the working folder. Bytes that are no UTF-8, and control characters, as `%XX`."},
    {.name = "size", .type = FIELD_INTEGER, .required = true, .description = "Bytes."},
    {.name = "content_base64", .type = FIELD_STRING, .description = "What it holds, unless it is omitted."},
    {.name = "omitted", .type = FIELD_STRING, .description = "Why its content is not here."},
    {.name = NULL},
};

static const struct field collected_item = {.type = FIELD_OBJECT, .fields = collected_fields, .schema = "CollectedFile"};

const struct field execute_answer_fields[] = {
    {.name = "output",
     .type = FIELD_STRING,
     .required = true,
     .description = "Standard output.",
     .example = "\"Hello, World!\\n\""},
    {.name = "error",
     .type = FIELD_STRING,
     .required = true,
     .nullable = true,
     .description = "Standard error; when a limit ended the run, one more line says which. `null` when there "
                    "is nothing to say.",
     .example = "null"},
    {.name = "execution_time",
     .type = FIELD_NUMBER,
     .required = true,
     .description = "Seconds of wall clock that the program took.",
     .example = "0.0021"},
    {.name = "status",
     .type = FIELD_STRING,
     .required = true,
     .values = run_statuses,
     .description = "Why the run ended, as the kernel tells it. `error`: the exit code was not 0.",
     .example = "\"ok\""},
    {.name = "limits_hit",
     .type = FIELD_ARRAY,
     .required = true,
     .items = &limit_item,
     .description = "Limits that the program ran into without being ended by them.",
     .example = "[]"},
    {.name = "exit_code",
     .type = FIELD_INTEGER,
     .required = true,
     .nullable = true,
     .description = "`null` when a signal or a limit ended the run.",
     .example = "0"},
    {.name = "signal",
     .type = FIELD_STRING,
     .required = true,
     .nullable = true,
     .description = "Name of the signal that ended the run, such as `SIGSEGV`.",
     .example = "null"},
    {.name = "output_truncated",
     .type = FIELD_BOOL,
     .required = true,
     .description = "More was printed on standard output than is kept: the middle is missing.",
     .example = "false"},
    {.name = "error_truncated",
     .type = FIELD_BOOL,
     .required = true,
     .description = "More was printed on standard error than is kept: the middle is missing.",
     .example = "false"},
    {.name = "stack",
     .type = FIELD_ARRAY,
     .required = true,
     .nullable = true,
     .items = &thread_item,
     .description = "On `timeout` and `cpu_limit`: where each Python thread was. As the program's own process tells it, so it can "
                    "be missing, or wrong.",
     .example = "null"},
    {.name = "exception",
     .type = FIELD_OBJECT,
     .required = true,
     .nullable = true,
     .fields = exception_fields,
     .schema = "Exception",
     .description = "An uncaught exception. As the program's own process tells it.",
     .example = "null"},
    {.name = "usage",
     .type = FIELD_OBJECT,
     .required = true,
     .fields = usage_fields,
     .schema = "Usage",
     .description = "What the run used.",
     .example =
         "{\"cpu_user\":0.0012,\"cpu_system\":0.0007,\"wall\":0.0021,\"queued\":0.00004,\"setup\":0.0016,"
         "\"memory_peak\":6291456,\"processes_peak\":1,\"output_bytes\":14,\"error_bytes\":0}"},
    {.name = "files",
     .type = FIELD_ARRAY,
     .required = true,
     .items = &collected_item,
     .description = "The files that `collect` means, sorted by path.",
     .example = "[]"},
    {.name = "files_error",
     .type = FIELD_STRING,
     .required = true,
     .nullable = true,
     .description = "Why `files` is not all that `collect` means; `null` when it is.",
     .example = "null"},
    {.name = "id",
     .type = FIELD_STRING,
     .required = true,
     .description = "Names this run in the logs and in the `X-Request-Id` header.",
     .example = "\"9f86d081884c7d659a2feaa0c55ad015\""},
    {.name = NULL},
};

static const struct field name_item = {.type = FIELD_STRING};

static const struct field package_fields[] = {
    {.name = "name", .type = FIELD_STRING, .required = true},
    {.name = "version", .type = FIELD_STRING, .required = true},
    {.name = NULL},
};

static const struct field package_item = {.type = FIELD_OBJECT, .fields = package_fields, .schema = "Package"};

static const struct field environment_limit_fields[] = {
    {.name = "cpu_time", .type = FIELD_NUMBER, .required = true, .nullable = true, .description = "Processor time, seconds."},
    {.name = "cpus", .type = FIELD_NUMBER, .required = true, .description = "Cores that one run may keep busy."},
    {.name = "memory", .type = FIELD_INTEGER, .required = true, .description = "Bytes, swap included."},
    {.name = "processes", .type = FIELD_INTEGER, .required = true, .description = "Processes and threads."},
    {.name = "output", .type = FIELD_INTEGER, .required = true, .description = "Bytes kept of each stream."},
    {.name = "workspace", .type = FIELD_INTEGER, .required = true, .description = "Bytes in the working folder."},
    {.name = "files", .type = FIELD_INTEGER, .required = true, .description = "Files in the working folder."},
    {.name = "open_files", .type = FIELD_INTEGER, .required = true, .description = "Open files of one process."},
    {.name = NULL},
};

static const struct field learned_fields[] = {
    {.name = "modules", .type = FIELD_ARRAY, .required = true, .items = &name_item, .description = "Of the setting `learn`."},
    {.name = "memory", .type = FIELD_INTEGER, .required = true, .description = "Bytes that its interpreter held when it had imported them."},
    {.name = NULL},
};

static const struct field learned_item = {.type = FIELD_OBJECT, .fields = learned_fields, .schema = "Learned"};

static const struct field environment_fields[] = {
    {.name = "name", .type = FIELD_STRING, .required = true},
    {.name = "ready",
     .type = FIELD_BOOL,
     .required = true,
     .description = "Its interpreter is warm; false while it starts, and while it is at rest because nobody uses it."},
    {.name = "python",
     .type = FIELD_STRING,
     .required = true,
     .nullable = true,
     .description = "Version of its Python; `null` before it was first ready."},
    {.name = "preloaded",
     .type = FIELD_ARRAY,
     .required = true,
     .items = &name_item,
     .description = "Modules that are imported ahead of time."},
    {.name = "learned",
     .type = FIELD_ARRAY,
     .required = true,
     .items = &learned_item,
     .description = "What is imported ahead of time just now because programs begin with it again and again."},
    {.name = "packages",
     .type = FIELD_ARRAY,
     .required = true,
     .items = &package_item,
     .description = "Installed distributions."},
    {.name = "limits",
     .type = FIELD_OBJECT,
     .required = true,
     .fields = environment_limit_fields,
     .schema = "EnvironmentLimits",
     .description = "The limits of a run in it."},
    {.name = NULL},
};

static const struct field environment_item = {.type = FIELD_OBJECT, .fields = environment_fields, .schema = "Environment"};

static const struct field layer_fields[] = {
    {.name = "layer", .type = FIELD_STRING, .required = true},
    {.name = "state", .type = FIELD_STRING, .required = true, .description = "`enforced` or `missing`."},
    {.name = "required", .type = FIELD_BOOL, .required = true, .description = "The service does not start without it."},
    {.name = "detail", .type = FIELD_STRING, .required = true, .description = "How, or why not."},
    {.name = "remedy", .type = FIELD_STRING, .required = true, .description = "How to get what is missing."},
    {.name = NULL},
};

static const struct field layer_item = {.type = FIELD_OBJECT, .fields = layer_fields, .schema = "Layer"};

const struct field info_fields[] = {
    {.name = "version", .type = FIELD_STRING, .required = true, .description = "Of the service."},
    {.name = "environments",
     .type = FIELD_ARRAY,
     .required = true,
     .items = &environment_item,
     .description = "The Pythons that a request can name; the first one is the default."},
    {.name = "default_timeout", .type = FIELD_NUMBER, .required = true, .description = "Seconds."},
    {.name = "max_timeout", .type = FIELD_NUMBER, .required = true, .description = "Seconds."},
    {.name = "isolation",
     .type = FIELD_ARRAY,
     .required = true,
     .items = &layer_item,
     .description = "What stands between a program and the machine, as tried at the start."},
    {.name = "max_body", .type = FIELD_INTEGER, .required = true, .description = "Bytes of a request's body."},
    {.name = "concurrency", .type = FIELD_INTEGER, .required = true, .description = "Runs at the same time."},
    {.name = "queue", .type = FIELD_INTEGER, .required = true, .description = "Requests that may wait."},
    {.name = NULL},
};
static double number_at(const struct field *field, const char *at)
{
    double number;
    int64_t integer;
    if (field->type == FIELD_INTEGER) {
        memcpy(&integer, at, sizeof integer);
        return (double)integer;
    }
    memcpy(&number, at, sizeof number);
    return number;
}

double field_setting(const struct field *field, const struct config *config, size_t offset)
{
    return number_at(field, (const char *)config + offset - 1);
}

/* 0: none. */
static double most_in(const struct field *field, const struct config *config, size_t environment)
{
    const double most = number_at(field, (const char *)&config->environments[environment] + field->most_setting - 1);
    return most != 0 ? most : field->most;
}

bool field_most(const struct field *field, const struct config *config, size_t environment, double *most)
{
    *most = field->most;
    if (field->of_environment && environment != FIELD_ANY_ENVIRONMENT) {
        *most = most_in(field, config, environment);
    } else if (field->of_environment) {
        *most = most_in(field, config, 0);
        for (size_t i = 1; i < config->environment_count; i++) {
            const double other = most_in(field, config, i);
            if (*most != 0 && (other == 0 || other > *most))
                *most = other;
        }
    } else if (field->most_setting != 0 && field_setting(field, config, field->most_setting) != 0) {
        *most = field_setting(field, config, field->most_setting);
    }
    return *most != 0;
}

void execute_request_free(struct execute_request *request)
{
    free(request->args.items);
    free(request->env.items);
    free(request->files.items);
    free(request->collect.items);
    request->args = request->env = request->files = request->collect = (struct field_list){0};
}
