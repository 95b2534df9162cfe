/* main.c: the binary's commands. Every role of the service is this binary, too: the broker is `hatchery serve`, the
 * front is the hidden command `front`, which the broker execs.
 *
 * Runs with the caller's rights and trusts the caller: only who may start the service can reach this code. */
#include "broker/real_root.h"
#include "cli/commands.h"
#include "common/suggest.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

const struct command *const commands[] = {
    &command_serve, &command_reload, &command_run, &command_doctor, &command_health, &command_bench, &command_key, &command_version, &command_help,
    &command_front, NULL,
};

int command_fail(const struct command *self, int status, const struct error *err)
{
    fprintf(stderr, "hatchery %s: %s\n", self->name, err->text);
    return status;
}

int command_finish(const struct command *self, int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "hatchery %s: cannot write to standard output: %s\n", self->name, strerror(errno));
    return EXIT_STATUS_FAILED;
}

bool command_begin(const struct command *self, int argc, char **argv, int operands_most, struct options *options, int *status)
{
    struct error err;
    if (options_parse(options, self, argc, argv, &err) != 0) {
        *status = command_fail(self, EXIT_STATUS_USAGE, &err);
    } else if (options->help) {
        help_command(self, stdout);
        *status = command_finish(self, EXIT_STATUS_OK);
    } else if (options->operand_count > operands_most) {
        error_set(&err, 0, "\"%.64s\" is one argument too many; %s", options->operands[operands_most],
                  operands_most == 0 ? "there are only options" : "give one");
        *status = command_fail(self, EXIT_STATUS_USAGE, &err);
    } else {
        return true;
    }
    return false;
}

bool command_load(const struct command *self, const struct options *options, const char *file, struct config *config, int *status)
{
    struct error err;
    if (options_load(options, file, config, &err) == 0)
        return true;
    *status = command_fail(self, EXIT_STATUS_USAGE, &err);
    return false;
}

static int unknown_command(const char *typed)
{
    const char *names[sizeof commands / sizeof commands[0]];
    size_t count = 0;
    for (size_t i = 0; commands[i] != NULL; i++)
        if (commands[i]->summary != NULL)
            names[count++] = commands[i]->name;
    names[count] = NULL;
    const char *near = suggest(typed, names);
    fprintf(stderr, "hatchery: no command is called \"%.64s\"", typed);
    if (near != NULL)
        fprintf(stderr, "; did you mean \"hatchery %s\"?\n", near);
    else if (access(typed, R_OK) == 0)
        fprintf(stderr, "; to run a file: \"hatchery run %.64s\"\n", typed);
    else
        fprintf(stderr, "; \"hatchery help\" lists the commands\n");
    return EXIT_STATUS_USAGE;
}

/* A descriptor that the program opens must never become its standard error. */
static void open_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) != fd)
            _exit(EXIT_STATUS_FAILED);
}

int main(int argc, char **argv)
{
    open_standard_streams();
    if (argc < 2) {
        help_overview(stderr);
        return EXIT_STATUS_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = command_help.name;
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = command_version.name;
    size_t i = 0;
    while (commands[i] != NULL && strcmp(commands[i]->name, name) != 0)
        i++;
    if (commands[i] == NULL)
        return unknown_command(name);
    struct error err;
    if (commands[i]->sandboxes && real_root(argv, &err) != 0)
        return command_fail(commands[i], EXIT_STATUS_FAILED, &err);
    return commands[i]->main(commands[i], argc - 1, argv + 1);
}
