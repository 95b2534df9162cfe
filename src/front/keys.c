/* keys.c: see keys.h. Runs in the front; the keys come from the broker, what is compared with them from anywhere. */
#include "front/keys.h"

#include "common/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static void api_key_init(struct api_key *key)
{
    *key = (struct api_key){.entry.queue = -1, .references = 1};
    list_init(&key->link);
    share_init(&key->share);
}

void keys_init(struct keys *keys, bool required)
{
    *keys = (struct keys){.required = required};
    list_init(&keys->all);
    api_key_init(&keys->nobody);
}

struct api_key *key_hold(struct api_key *key)
{
    key->references++;
    return key;
}

void key_release(struct api_key *key)
{
    if (--key->references == 0)
        free(key);
}

/* --- loading ----------------------------------------------------------------------------------------------- */

static char *read_text(int fd, size_t size)
{
    char *text = size <= KEYS_FILE_MAX ? malloc(size + 1) : NULL;
    for (size_t at = 0; text != NULL && at < size;) {
        ssize_t n = pread(fd, text + at, size - at, (off_t)at);
        if (n > 0) {
            at += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            free(text);
            text = NULL;
        }
    }
    return text;
}

static struct api_key *find_name(const struct list *keys, const char *name)
{
    for (struct list *link = keys->next; link != keys; link = link->next) {
        struct api_key *key = LIST_ENTRY(link, struct api_key, link);
        if (strcmp(key->entry.name, name) == 0)
            return key;
    }
    return NULL;
}

/* Replaces what is known by the entries. False: no memory; then some are missing, which keeps people out, not in. */
static bool replace(struct keys *keys, const struct key_entry *entries, size_t count)
{
    struct list old;
    bool complete = true;

    list_init(&old);
    while (!list_empty(&keys->all)) {
        struct list *link = keys->all.next;
        list_remove(link);
        list_append(&old, link);
    }
    keys->count = 0;
    for (size_t i = 0; i < count; i++) {
        struct api_key *key = find_name(&old, entries[i].name);
        if (key != NULL) {
            list_remove(&key->link);
        } else if ((key = malloc(sizeof *key)) != NULL) {
            api_key_init(key);
            key->tokens = entries[i].burst;
        } else {
            complete = false;
            continue;
        }
        key->entry = entries[i];
        list_append(&keys->all, &key->link);
        keys->count++;
    }
    while (!list_empty(&old)) {
        struct api_key *key = LIST_ENTRY(old.next, struct api_key, link);
        list_remove(&key->link);
        key_release(key);
    }
    return complete;
}

void keys_told(struct keys *keys, const struct message *message)
{
    struct key_entry *entries = NULL;
    struct error err;
    size_t count = 0;
    char *text = message->fd_count == 1 ? read_text(message->fds[0], message->keys.size) : NULL;

    if (text == NULL)
        error_set(&err, errno, "cannot read what the broker sent");
    if (text == NULL || keys_parse(text, message->keys.size, &entries, &count, &err) != 0) {
        log_event(LOG_ERROR, "keys.refused", LOG_S("reason", err.text)); /* the broker has checked it, so: never */
    } else {
        keys->loaded = replace(keys, entries, count);
        log_event(keys->loaded ? LOG_INFO : LOG_ERROR, "keys.loaded", LOG_I("keys", (int64_t)keys->count));
    }
    free(entries);
    free(text);
}

/* --- asking ------------------------------------------------------------------------------------------------ */

struct api_key *keys_find(struct keys *keys, const char *authorization)
{
    static const char scheme[] = "Bearer ";
    unsigned char hash[KEY_HASH_SIZE];
    struct api_key *found = NULL;

    if (strncasecmp(authorization, scheme, sizeof scheme - 1) != 0)
        return NULL;
    const char *text = authorization + sizeof scheme - 1;
    key_hash(text + strspn(text, " "), hash);
    for (struct list *link = keys->all.next; link != &keys->all; link = link->next) { /* to the end, found or not */
        struct api_key *key = LIST_ENTRY(link, struct api_key, link);
        if (key_hash_equal(key->entry.hash, hash))
            found = key;
    }
    return found;
}

bool key_take_token(struct api_key *key, uint64_t now_ns, double *wait)
{
    const double rate = key->entry.rate;
    if (rate == 0)
        return true;
    if (key->refilled_ns != 0)
        key->tokens += (double)(now_ns - key->refilled_ns) / 1e9 * rate;
    if (key->tokens > key->entry.burst)
        key->tokens = key->entry.burst;
    key->refilled_ns = now_ns;
    if (key->tokens < 1) {
        *wait = (1 - key->tokens) / rate;
        return false;
    }
    key->tokens -= 1;
    return true;
}
