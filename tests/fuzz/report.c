/* report.c: what a program's own process left of its end, every byte a hostile program's. The first bytes are the report's
 * sizes as it tells them, and how the run ended; then come the exception and the stack. What is written of it is JSON. */
#include "fuzz.h"

#include "front/json_in.h"
#include "front/report.h"

#include <jansson.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ANSWER_MAX = 1 << 22 };

static void must_be_json(const struct buffer *text)
{
    json_t *root = json_loadb(text->data, text->size, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
    MUST(!text->failed && utf8_valid(text->data, text->size) && root != NULL);
    json_decref(root);
}

/* The memory file that the program had, as the front gets it: beyond the input there are zeros. */
static int left_behind(struct input *input)
{
    static struct report report;
    static int fd = -1;
    static size_t before;
    const size_t head = offsetof(struct report, exception);
    if (fd < 0)
        fd = memfd_create("report", 0);
    take(input, &report.exception_size, sizeof report.exception_size);
    take(input, &report.stack_size, sizeof report.stack_size);
    take(input, &report.main_thread, sizeof report.main_thread);
    const size_t size = input->size < sizeof report.exception ? input->size : sizeof report.exception;
    const size_t change = size > before ? size : before;
    memset(report.exception, 0, change);
    if (size > 0)
        memcpy(report.exception, input->data, size);
    before = size;
    MUST(ftruncate(fd, sizeof report) == 0 && pwrite(fd, &report, head + change, 0) == (ssize_t)(head + change));
    MUST(pwrite(fd, report.exception, change, offsetof(struct report, stack)) == (ssize_t)change && lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_set_alloc_funcs(arena_take, arena_leave);
    arena.used = 0;
    struct input input = {data, size};
    const uint8_t how = take_byte(&input);
    const struct message_run_ended end = {.outcome = how & 15, .exit_code = how >> 4};
    struct buffer text;
    struct report *report = report_read(left_behind(&input), &end);
    buffer_init(&text, ANSWER_MAX);
    report_write_exception(&text, report);
    must_be_json(&text);
    buffer_reset(&text, ANSWER_MAX);
    report_write_stack(&text, report);
    must_be_json(&text);
    MUST((report_limits_hit(report) & ~(uint32_t)(LIMIT_HIT_OPEN_FILES | LIMIT_HIT_WORKSPACE)) == 0);
    buffer_free(&text);
    free(report);
    return 0;
}
