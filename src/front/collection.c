/* collection.c: see collection.h. Runs in the front. The collector reads what a hostile program left, and is not trusted
 * either: what it sends is bounded, checked against its own sizes, and written as text that is only ever data. */
#include "front/collection.h"

#include "front/json_out.h"
#include "front/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 256 * 1024 };

struct found {
    struct collect_entry entry;
    const char *path, *content;
};

struct collection *collection_new(const struct field_list *patterns, uint64_t limit)
{
    const struct string_view *texts = patterns->items;
    struct collection *collection = calloc(1, sizeof *collection);
    if (collection == NULL)
        return NULL;
    collection->wanted.count = (uint32_t)patterns->count;
    for (size_t i = 0; i < patterns->count; i++)
        memcpy(collection->wanted.patterns[i], texts[i].data, texts[i].size);
    buffer_init(&collection->received,
                limit + (COLLECT_FILES_MAX + 1) * (sizeof(struct collect_entry) + COLLECT_PATH_BYTES_MAX));
    return collection;
}

void collection_free(struct collection *collection)
{
    if (collection != NULL)
        buffer_free(&collection->received);
    free(collection);
}

int collection_ask(struct collection *collection, int socket)
{
    buffer_reset(&collection->received, 0);
    ssize_t n = send(socket, &collection->wanted, sizeof collection->wanted, MSG_NOSIGNAL);
    if (n >= 0 && n != (ssize_t)sizeof collection->wanted)
        errno = EAGAIN; /* a new socket has room for all of it */
    return n == (ssize_t)sizeof collection->wanted ? 0 : -1;
}

bool collection_read(struct collection *collection, int socket)
{
    struct buffer *received = &collection->received;
    for (;;) {
        const size_t room = received->max - received->size < READ_SIZE ? received->max - received->size : READ_SIZE;
        char *at = room > 0 ? buffer_room(received, room) : NULL;
        if (at == NULL)
            return false; /* more than it may send, or no memory: the end will be missing */
        ssize_t n = read(socket, at, room);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return true;
        if (n <= 0)
            return false;
        received->size += (size_t)n;
    }
}

/* --- the answer -------------------------------------------------------------------------------------------------- */

/* The next entry at `*at`. False: it is not there whole. */
static bool next(const struct buffer *received, size_t *at, struct found *found)
{
    const size_t left = received->size - *at;
    if (left < sizeof found->entry)
        return false;
    memcpy(&found->entry, received->data + *at, sizeof found->entry);
    if (found->entry.reason >= COLLECT_END)
        return true;
    const uint64_t content = found->entry.reason == COLLECT_WHOLE ? found->entry.size : 0;
    if (found->entry.path_size > COLLECT_PATH_BYTES_MAX || left - sizeof found->entry < found->entry.path_size ||
        left - sizeof found->entry - found->entry.path_size < content)
        return false;
    found->path = received->data + *at + sizeof found->entry;
    found->content = found->path + found->entry.path_size;
    *at += sizeof found->entry + found->entry.path_size + (size_t)content;
    return true;
}

static int compare(const void *a, const void *b)
{
    const struct found *first = a, *second = b;
    const size_t one = first->entry.path_size, two = second->entry.path_size;
    const int order = memcmp(first->path, second->path, one < two ? one : two);
    return order != 0 ? order : one < two ? -1 : one > two;
}

/* A path as text: what is no UTF-8, and control characters, as "%XX". */
static void write_path(struct buffer *out, const char *path, size_t size)
{
    struct json_text text;
    json_text_begin(&text, out);
    for (size_t at = 0; at < size;) {
        const unsigned char *bytes = (const unsigned char *)path + at;
        unsigned bad = 0;
        const unsigned length = utf8_character(bytes, size - at, &bad);
        if (length > 0 && *bytes >= 0x20 && *bytes != 0x7f) {
            json_text_add(&text, path + at, length);
            at += length;
            continue;
        }
        static const char digits[] = "0123456789ABCDEF";
        const char escaped[3] = {'%', digits[*bytes >> 4], digits[*bytes & 15]};
        json_text_add(&text, escaped, sizeof escaped);
        at++;
    }
    json_text_end(&text);
}

static void write_base64(struct buffer *out, const char *content, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *from = (const unsigned char *)content;
    const size_t groups = (size + 2) / 3;
    char *to = buffer_room(out, 4 * groups);
    if (to == NULL)
        return;
    for (size_t left = size; left > 0; left -= left < 3 ? left : 3, from += 3, to += 4) {
        const uint32_t bits = (uint32_t)from[0] << 16 | (left > 1 ? (uint32_t)from[1] << 8 : 0) | (left > 2 ? from[2] : 0);
        to[0] = digits[bits >> 18];
        to[1] = digits[bits >> 12 & 63];
        to[2] = left > 1 ? digits[bits >> 6 & 63] : '=';
        to[3] = left > 2 ? digits[bits & 63] : '=';
    }
    out->size += 4 * groups;
}

static void write_file(struct buffer *out, const struct found *found)
{
    static const char *const reasons[] = {
        [COLLECT_TOO_LARGE] = "too large: more than is left of limit-collect",
        [COLLECT_LINK] = "a symbolic link",
        [COLLECT_SPECIAL] = "not a regular file",
        [COLLECT_SAME] = "a hard link of a file that is here",
        [COLLECT_UNREADABLE] = "not readable",
    };
    buffer_text(out, "{\"path\":");
    write_path(out, found->path, found->entry.path_size);
    buffer_format(out, ",\"size\":%llu,", (unsigned long long)found->entry.size);
    if (found->entry.reason == COLLECT_WHOLE) {
        buffer_text(out, "\"content_base64\":\"");
        write_base64(out, found->content, (size_t)found->entry.size);
    } else {
        buffer_format(out, "\"omitted\":\"%s", reasons[found->entry.reason]);
    }
    buffer_text(out, "\"}");
}

static void write_problems(struct buffer *out, bool ended, uint64_t problems)
{
    static const struct {
        enum collect_problem bit;
        const char *words;
    } texts[] = {{COLLECT_TOO_MANY, "more than 1024 files match"},
                 {COLLECT_TOO_DEEP, "there are folders deeper than 16"},
                 {COLLECT_CLOSED_FOLDER, "there are folders that cannot be read"}};
    if (ended && problems == 0) {
        buffer_text(out, "null");
        return;
    }
    const char *between = "";
    buffer_byte(out, '"');
    for (size_t i = 0; ended && i < sizeof texts / sizeof *texts; i++)
        if ((problems & texts[i].bit) != 0) {
            buffer_format(out, "%s%s", between, texts[i].words);
            between = "; ";
        }
    if (!ended)
        buffer_text(out, "collecting was cut off");
    buffer_byte(out, '"');
}

void collection_write(struct buffer *out, const struct collection *collection)
{
    size_t count = 0, at = 0;
    struct found *found = collection != NULL ? memory_needed(calloc(COLLECT_FILES_MAX + 1, sizeof *found)) : NULL;
    if (collection == NULL) {
        buffer_text(out, "\"files\":[],\"files_error\":null");
        return;
    }
    while (found != NULL && count < COLLECT_FILES_MAX && next(&collection->received, &at, &found[count]) &&
           found[count].entry.reason < COLLECT_END)
        count++;
    struct found end = {0};
    const bool ended = next(&collection->received, &at, &end) && end.entry.reason == COLLECT_END;
    if (found != NULL)
        qsort(found, count, sizeof *found, compare);
    buffer_text(out, "\"files\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_byte(out, ',');
        write_file(out, &found[i]);
    }
    buffer_text(out, "],\"files_error\":");
    write_problems(out, ended, end.entry.size);
    free(found);
}
