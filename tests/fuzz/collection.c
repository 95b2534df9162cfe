/* collection.c: what a collector sends of a run's files. Whatever it is, the answer's part is JSON, and no file of it is longer
 * than what was sent. */
#include "fuzz.h"

#include "front/collection.h"
#include "front/json_in.h"

#include <jansson.h>

enum { ANSWER_MAX = 1 << 22 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_set_alloc_funcs(arena_take, arena_leave);
    arena.used = 0;
    struct collection collection = {.wanted = {.count = 1}};
    struct buffer answer;
    buffer_init(&collection.received, size + 1);
    buffer_append(&collection.received, data, size);
    buffer_init(&answer, ANSWER_MAX);
    buffer_byte(&answer, '{');
    collection_write(&answer, &collection);
    buffer_byte(&answer, '}');
    MUST(!answer.failed && utf8_valid(answer.data, answer.size));
    json_t *root = json_loadb(answer.data, answer.size, JSON_DECODE_INT_AS_REAL, NULL);
    const json_t *files = json_object_get(root, "files");
    MUST(json_is_array(files) && json_array_size(files) <= COLLECT_FILES_MAX);
    for (size_t i = 0; i < json_array_size(files); i++) {
        const json_t *file = json_array_get(files, i);
        const char *content = json_string_value(json_object_get(file, "content_base64"));
        MUST((content == NULL) != (json_object_get(file, "omitted") == NULL));
        MUST(content == NULL || strlen(content) / 4 * 3 <= size + 2);
    }
    json_decref(root);
    buffer_free(&answer);
    buffer_free(&collection.received);
    return 0;
}
