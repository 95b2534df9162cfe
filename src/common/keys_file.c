/* keys_file.c: see keys_file.h. Runs in the command line, the broker and the front; trusts who wrote the file. A fast hash is
 * enough: what is hashed is 256 random bits, not a word that somebody could guess. */
#include "common/keys_file.h"

#include <errno.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { LINE_MAX_LENGTH = 1024 };

static const char KEY_PREFIX[] = "hatchery_", HASH_PREFIX[] = "sha256:";

bool key_name_valid(const char *name)
{
    size_t size = strlen(name);
    return size > 0 && size <= KEY_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == size;
}

void key_make(char key[KEY_TEXT_MAX])
{
    unsigned char random[KEY_HASH_SIZE];
    const size_t prefix = sizeof KEY_PREFIX - 1;

    while (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
    }
    memcpy(key, KEY_PREFIX, prefix);
    sodium_bin2base64(key + prefix, KEY_TEXT_MAX - prefix, random, sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void key_hash(const char *key, unsigned char hash[KEY_HASH_SIZE])
{
    crypto_hash_sha256(hash, (const unsigned char *)key, strlen(key));
}

void key_hash_text(const unsigned char hash[KEY_HASH_SIZE], char text[KEY_HASH_TEXT_SIZE + 1])
{
    sodium_bin2hex(text, KEY_HASH_TEXT_SIZE + 1, hash, KEY_HASH_SIZE);
}

bool key_hash_equal(const unsigned char a[KEY_HASH_SIZE], const unsigned char b[KEY_HASH_SIZE])
{
    return sodium_memcmp(a, b, KEY_HASH_SIZE) == 0;
}

/* --- the file ---------------------------------------------------------------------------------------------- */

static int parse_hash(const char *word, unsigned char hash[KEY_HASH_SIZE], struct error *err)
{
    size_t size = 0;
    const char *hex = word + sizeof HASH_PREFIX - 1, *end = NULL;
    if (strncmp(word, HASH_PREFIX, sizeof HASH_PREFIX - 1) == 0 && strlen(hex) == KEY_HASH_TEXT_SIZE &&
        sodium_hex2bin(hash, KEY_HASH_SIZE, hex, KEY_HASH_TEXT_SIZE, NULL, &size, &end) == 0 && size == KEY_HASH_SIZE)
        return 0;
    return error_set(err, 0, "\"%.80s\" is no hash; \"hatchery key new NAME\" prints a line with one", word);
}

/* "rate=10" and the like. */
static int parse_limit(char *word, struct key_entry *entry, struct error *err)
{
    const struct {
        const char *name;
        double *number;
        int64_t *whole;
        double least, most;
    } limits[] = {
        {"rate", &entry->rate, NULL, 1e-6, 1e6},
        {"burst", &entry->burst, NULL, 1, 1e6},
        {"concurrency", NULL, &entry->concurrency, 1, 1e6},
        {"queue", NULL, &entry->queue, 0, 1e6},
        {"max-timeout", &entry->max_timeout, NULL, 0.001, 86400},
    };
    char *equals = strchr(word, '='), *end = NULL;

    if (equals != NULL)
        *equals = '\0';
    for (size_t i = 0; equals != NULL && i < sizeof limits / sizeof *limits; i++) {
        if (strcmp(word, limits[i].name) != 0)
            continue;
        errno = 0;
        double value = strtod(equals + 1, &end);
        bool fits = end != equals + 1 && *end == '\0' && errno == 0 && value >= limits[i].least && value <= limits[i].most &&
                    (limits[i].whole == NULL || value == floor(value));
        if (!fits)
            return error_set(err, 0, "%s: \"%.40s\" is not a%s number from %g to %g", word, equals + 1,
                             limits[i].whole != NULL ? " whole" : "", limits[i].least, limits[i].most);
        if (limits[i].whole != NULL)
            *limits[i].whole = (int64_t)value;
        else
            *limits[i].number = value;
        return 0;
    }
    return error_set(err, 0, "\"%.40s\" is no limit; give rate=, burst=, concurrency=, queue= or max-timeout=", word);
}

static int parse_line(char *line, struct key_entry *entry, struct error *err)
{
    static const char blanks[] = " \t\r";
    char *rest = NULL, *name = strtok_r(line, blanks, &rest), *hash = strtok_r(NULL, blanks, &rest), *word;

    *entry = (struct key_entry){.queue = -1};
    if (!key_name_valid(name))
        return error_set(err, 0, "\"%.40s\" is no name; give up to %d letters, digits, '.', '_' and '-'", name, KEY_NAME_MAX);
    strcpy(entry->name, name);
    if (hash == NULL)
        return error_set(err, 0, "%s has no hash; \"hatchery key new %s\" prints a line with one", name, name);
    if (parse_hash(hash, entry->hash, err) != 0)
        return -1;
    while ((word = strtok_r(NULL, blanks, &rest)) != NULL)
        if (parse_limit(word, entry, err) != 0)
            return -1;
    if (entry->burst == 0)
        entry->burst = entry->rate > 1 ? entry->rate : 1;
    return 0;
}

static int add(struct key_entry **entries, size_t *count, const struct key_entry *entry, struct error *err)
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp((*entries)[i].name, entry->name) == 0 || key_hash_equal((*entries)[i].hash, entry->hash))
            return error_set(err, 0, "%s: this name or this hash is there already", entry->name);
    if (*count == KEYS_MAX)
        return error_set(err, 0, "more than %d keys", KEYS_MAX);
    struct key_entry *more = realloc(*entries, (*count + 1) * sizeof **entries);
    if (more == NULL)
        return error_set(err, ENOMEM, "keys");
    more[(*count)++] = *entry;
    *entries = more;
    return 0;
}

int keys_parse(const char *text, size_t size, struct key_entry **entries, size_t *count, struct error *err)
{
    struct key_entry *found = NULL;
    size_t found_count = 0, number = 0;

    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t length = end != NULL ? (size_t)(end - text) : size;
        char line[LINE_MAX_LENGTH];
        struct key_entry entry;

        number++;
        int r = 0;
        if (length >= sizeof line || memchr(text, '\0', length) != NULL) {
            r = error_set(err, 0, "it is no line of text, or longer than %d bytes", LINE_MAX_LENGTH - 1);
        } else {
            memcpy(line, text, length);
            line[length] = '\0';
            line[strcspn(line, "#")] = '\0';
            if (line[strspn(line, " \t\r")] != '\0' && (r = parse_line(line, &entry, err)) == 0)
                r = add(&found, &found_count, &entry, err);
        }
        if (r != 0) {
            free(found);
            return error_wrap(err, "line %zu", number);
        }
        length += end != NULL;
        text += length;
        size -= length;
    }
    *entries = found;
    *count = found_count;
    return 0;
}
