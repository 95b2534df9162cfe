/* key.c: `hatchery key new NAME`: makes an API key. Reads and writes no file. */
#include "cli/commands.h"
#include "common/keys_file.h"

#include <string.h>

static int key_main(const struct command *self, int argc, char **argv)
{
    struct options options;
    struct error err;
    int status = options_parse(&options, self, argc, argv, &err);

    if (status == 0 && !options.help) {
        if (options.operand_count == 0 || strcmp(options.operands[0], "new") != 0)
            status = error_set(&err, 0, "say \"hatchery key new NAME\"");
        else if (options.operand_count != 2)
            status = error_set(&err, 0, "new takes one name");
        else if (!key_name_valid(options.operands[1]))
            status = error_set(&err, 0, "\"%.64s\" is no name; give up to %d letters, digits, '.', '_' and '-'",
                               options.operands[1], KEY_NAME_MAX);
    }
    if (status != 0) {
        status = command_fail(self, EXIT_STATUS_USAGE, &err);
    } else if (options.help) {
        help_command(self, stdout);
        status = command_finish(self, EXIT_STATUS_OK);
    } else {
        char key[KEY_TEXT_MAX], text[KEY_HASH_TEXT_SIZE + 1];
        unsigned char hash[KEY_HASH_SIZE];
        key_make(key);
        key_hash(key, hash);
        key_hash_text(hash, text);
        printf("The key, which is shown this once and stored nowhere:\n\n  %s\n\n"
               "The line for the keys file; then send the service SIGHUP:\n\n%s sha256:%s\n",
               key, options.operands[1], text);
        status = command_finish(self, EXIT_STATUS_OK);
    }
    options_free(&options);
    return status;
}

const struct command command_key = {
    .name = "key",
    .arguments = "new NAME",
    .summary = "make an API key",
    .text = "Prints a new key and the line for the keys file (setting keys-file), which holds only\n"
            "its SHA-256. Limits may follow on the line: rate=10 (runs a second) burst=20\n"
            "concurrency=4 (runs at the same time) queue=64 (that may wait) max-timeout=30.\n"
            "A client sends the key as \"Authorization: Bearer KEY\".\n"
            "\n"
            "  hatchery key new alice\n",
    .main = key_main,
};
