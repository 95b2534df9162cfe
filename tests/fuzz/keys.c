/* keys.c: a file of API keys. What is accepted has names and limits within their bounds, each name and hash once. */
#include "fuzz.h"

#include "common/keys_file.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct key_entry *entries = NULL;
    struct error err = {0};
    size_t count = 0;
    char *text = copy_of(data, size, false);
    if (keys_parse(text, size, &entries, &count, &err) != 0) {
        MUST(entries == NULL && count == 0 && err.text[0] != '\0');
        free(text);
        return 0;
    }
    MUST(count <= KEYS_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct key_entry *entry = &entries[i];
        MUST(key_name_valid(entry->name));
        MUST(isfinite(entry->rate) && entry->rate >= 0 && entry->rate <= 1e6 && entry->burst >= 1 && entry->burst <= 1e6);
        MUST(entry->concurrency >= 0 && entry->queue >= -1 && entry->max_timeout >= 0 && entry->max_timeout <= 86400);
        for (size_t other = 0; other < i; other++)
            MUST(strcmp(entries[other].name, entry->name) != 0 && memcmp(entries[other].hash, entry->hash, KEY_HASH_SIZE) != 0);
    }
    free(entries);
    free(text);
    return 0;
}
