/* run.c: `hatchery run`: one program in the sandbox that the service would use, without the service. */
#include "broker/broker.h"
#include "cli/commands.h"
#include "runner/runner.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPTION_CONFIG, OPTION_TIMEOUT, OPTION_JSON, OPTION_ENVIRONMENT };

enum { READ_STEP_BYTES = 64 * 1024 };

/* Reads all of `stream`, at most `most` bytes. The caller frees the result; NULL with err set. */
static char *read_all(FILE *stream, const char *name, size_t most, size_t *size, struct error *err)
{
    char *bytes = NULL;
    size_t used = 0, room = 0;

    for (;;) {
        if (room - used < READ_STEP_BYTES) {
            char *more = realloc(bytes, room = 2 * room + READ_STEP_BYTES);
            if (more == NULL) {
                error_set(err, errno, "%s", name);
                break;
            }
            bytes = more;
        }
        size_t n = fread(bytes + used, 1, room - used, stream);
        used += n;
        if (ferror(stream)) {
            error_set(err, errno, "cannot read %s", name);
            break;
        }
        if (used > most) {
            error_set(err, 0, "%s: it is larger than max-body (%zu bytes)", name, most);
            break;
        }
        if (n == 0) {
            *size = used;
            return bytes;
        }
    }
    free(bytes);
    return NULL;
}

static char *read_program(const char *path, const struct config *config, size_t *size, struct error *err)
{
    if (strcmp(path, "-") == 0)
        return read_all(stdin, "standard input", (size_t)config->max_body, size, err);
    FILE *stream = fopen(path, "re");
    if (stream == NULL) {
        error_set(err, errno, "cannot open %s", path);
        return NULL;
    }
    char *code = read_all(stream, path, (size_t)config->max_body, size, err);
    fclose(stream);
    return code;
}

static int read_timeout(const char *text, const struct config *config, double *timeout, struct error *err)
{
    *timeout = config->default_timeout;
    if (text == NULL)
        return 0;
    if (config_parse_seconds(text, timeout) != 0 || *timeout <= 0 || *timeout > config->max_timeout)
        return error_set(err, 0,
                         "--timeout: \"%.64s\" is no timeout; give seconds, at least 0.000000001 and at most %g "
                         "(max-timeout)",
                         text, config->max_timeout);
    return 0;
}

static int read_environment(const char *name, const struct config *config, uint32_t *environment, struct error *err)
{
    char names[ERROR_TEXT_MAX] = "";
    *environment = 0;
    if (name == NULL)
        return 0;
    for (uint32_t i = 0; i < config->environment_count; i++) {
        if (strcmp(config->environments[i].name, name) == 0) {
            *environment = i;
            return 0;
        }
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "", config->environments[i].name);
    }
    return error_set(err, 0, "--environment: there is no environment \"%.64s\"; there are: %s", name, names);
}

/* Our own standard input is the program's, where it is a file or a pipe. A terminal is not: what is typed there has no end,
 * and a program gets all of its input at its start. */
static int read_input(const struct config *config, struct string_view *text, struct error *err)
{
    struct stat st;
    if (fstat(STDIN_FILENO, &st) != 0 || !(S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
        return 0;
    text->data = read_all(stdin, "standard input", (size_t)config->max_body, &text->size, err);
    return text->data != NULL ? 0 : -1;
}

static int set_arguments(struct execute_request *request, char **operands, struct error *err)
{
    size_t count = 0;
    while (operands[count] != NULL)
        count++;
    struct string_view *args = calloc(count + 1, sizeof *args);
    if (args == NULL)
        return error_set(err, errno, "arguments");
    for (size_t i = 0; i < count; i++)
        args[i] = (struct string_view){operands[i], strlen(operands[i])};
    request->args = (struct field_list){args, count};
    return 0;
}

static int run_program(const struct options *options, const struct config *config, struct error *err)
{
    struct run_request run = {.json = options->values[OPTION_JSON] != NULL};
    struct execute_request *request = &run.request;
    const char *path = options->operands[0];
    int status = -1;
    if (read_timeout(options->values[OPTION_TIMEOUT], config, &request->timeout, err) == 0 &&
        read_environment(options->values[OPTION_ENVIRONMENT], config, &request->environment, err) == 0 &&
        set_arguments(request, options->operands + 1, err) == 0 &&
        (request->code.data = read_program(path, config, &request->code.size, err)) != NULL &&
        (strcmp(path, "-") == 0 || read_input(config, &request->stdin_text, err) == 0))
        status = broker_run(config, &run, err);
    free((char *)request->code.data);
    free((char *)request->stdin_text.data);
    execute_request_free(request);
    return status;
}

static int run_main(const struct command *self, int argc, char **argv)
{
    struct options options;
    struct config config = {0};
    struct error err;
    int status = EXIT_STATUS_RUN_FAILED;

    if (options_parse(&options, self, argc, argv, &err) != 0) {
        command_fail(self, status, &err);
    } else if (options.help) {
        help_command(self, stdout);
        status = command_finish(self, EXIT_STATUS_OK);
    } else if (options.operand_count == 0) {
        error_set(&err, 0, "give one file to run, or - for standard input");
        command_fail(self, status, &err);
    } else if (options_load(&options, options.values[OPTION_CONFIG], &config, &err) != 0) {
        command_fail(self, status, &err);
    } else {
        options_init_log(&config, "run");
        int result = run_program(&options, &config, &err);
        status = result < 0 ? command_fail(self, status, &err) : result;
    }
    config_free(&config);
    options_free(&options);
    return status;
}

const struct command command_run = {
    .name = "run",
    .arguments = "FILE|- [ARGUMENT...]",
    .operands_last = true,
    .summary = "run one program in the sandbox, without the service",
    .text = "Runs FILE (- is standard input) as main.py in the sandbox that the service uses.\n"
            "Standard output, standard error and the exit status are the program's own; so are\n"
            "the arguments after FILE, and standard input where it is a file or a pipe.\n"
            "Otherwise: 124 when its time was up, 128 plus the number of the signal that ended\n"
            "it, 125 when hatchery itself failed.\n"
            "\n"
            "  echo 'print(6 * 7)' | hatchery run -\n"
            "  hatchery run --timeout 2 --json main.py\n"
            "  hatchery run main.py --verbose 3 < input.txt\n",
    .options =
        (const struct cli_option[]){
            {"timeout", "SECONDS", "wall-clock limit; default: default-timeout", OPTION_TIMEOUT},
            {"environment", "NAME", "the environment to run it in; default: default", OPTION_ENVIRONMENT},
            {"json", NULL, "print what POST /execute would answer, instead of the program's output",
             OPTION_JSON},
            {"config", "FILE",
             "settings file; default: $HATCHERY_CONFIG, else /etc/hatchery/hatchery.conf if it exists",
             OPTION_CONFIG},
            {0},
        },
    .settings = true,
    .sandboxes = true,
    .log_level = "warn",
    .main = run_main,
};
