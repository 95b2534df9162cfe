/* settings.c: a settings file. What is accepted can be written and read again, and is then the same. */
#include "fuzz.h"

#include "common/config.h"
#include "common/config_access.h"

/* Every machine is the same one here. */
int64_t __wrap_machine_memory(void);
int64_t __wrap_machine_cores(void);

int64_t __wrap_machine_memory(void)
{
    return (int64_t)4 << 30;
}

int64_t __wrap_machine_cores(void)
{
    return 4;
}

static bool read_text(struct config *config, const void *text, size_t size, struct error *err)
{
    FILE *file = size > 0 ? fmemopen((void *)text, size, "r") : fopen("/dev/null", "r");
    MUST(file != NULL);
    config_init(config);
    const bool ok = config_read_stream(config, file, "fuzz.conf", err) == 0 && config_finish(config, err) == 0;
    fclose(file);
    return ok;
}

static char *dump(const struct config *config, size_t *size)
{
    char *text = NULL;
    FILE *file = open_memstream(&text, size);
    MUST(file != NULL && config_dump(config, file) == 0);
    fclose(file);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config, again;
    struct error err = {0};
    if (read_text(&config, data, size, &err)) {
        size_t first_size, second_size;
        char *first = dump(&config, &first_size);
        if (!read_text(&again, first, first_size, &err)) {
            fprintf(stderr, "%s\n%s\n", err.text, first);
            MUST(!"what was written is not accepted");
        }
        char *second = dump(&again, &second_size);
        MUST(first_size == second_size && memcmp(first, second, first_size) == 0);
        MUST(config.environment_count >= 1 && config.environment_count <= CONFIG_ENVIRONMENTS_MAX);
        MUST(config.default_timeout > 0 && config.default_timeout <= config.max_timeout);
        config_free(&again);
        free(first);
        free(second);
        config_check_exposure(&config, &err);
    } else {
        MUST(err.text[0] != '\0' && strchr(err.text, '\n') == NULL);
    }
    config_free(&config);
    return 0;
}
