/* json_in.c: see json_in.h. Runs in the front; the text is hostile.
 *
 * One pass over the text, with Python's grammar and messages and a cap on the nesting, builds jansson's values: jansson's own
 * reader takes every byte through several functions, which is what a large file would wait for. An escaped lone surrogate, and an
 * escaped NUL in a name, become U+FFFD. Stricter than Python, on purpose: NaN, Infinity, numbers out of a double's range, UTF-16,
 * UTF-32 and surrogates written as UTF-8 are refused; so are more values than a request can have a use for, since three bytes of
 * text, an empty object, take two hundred of memory. */
#include "front/json_in.h"

#include "front/fields.h"
#include "front/json_out.h"
#include "front/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char EXPECTING_VALUE[] = "Expecting value";
static const char EXPECTING_NAME[] = "Expecting property name enclosed in double quotes";
static const char EXPECTING_COLON[] = "Expecting ':' delimiter";
static const char EXPECTING_COMMA[] = "Expecting ',' delimiter";
static const char UNTERMINATED[] = "Unterminated string starting at";
static const char BAD_CONTROL[] = "Invalid control character at";
static const char BAD_ESCAPE[] = "Invalid \\escape";
static const char BAD_UNICODE_ESCAPE[] = "Invalid \\uXXXX escape";
static const char EXTRA_DATA[] = "Extra data";
static const char OUT_OF_RANGE[] = "Number out of range";

struct scanner {
    const char *at, *end;
    const char *error_at, *message;
    char *unescaped; /* room for the longest string, once there is one with escapes */
    unsigned values;
    bool too_much, no_memory, surrogates, nul_names, big_integer;
};

static void *fail(struct scanner *s, const char *at, const char *message)
{
    s->error_at = at;
    s->message = message;
    return NULL;
}

/* A new value, or the note that there is no memory for one. */
static json_t *made(struct scanner *s, json_t *value)
{
    s->no_memory |= value == NULL;
    return value;
}

static void skip_space(struct scanner *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
        s->at++;
}

static bool is_digit(const struct scanner *s, const char *at)
{
    return at < s->end && *at >= '0' && *at <= '9';
}

/* The value of the four hexadecimal digits at `at`, or -1. */
static int hex4(const struct scanner *s, const char *at)
{
    int value = 0;
    if (s->end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9'                     ? c - '0'
                    : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                             : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* At the 'u' of an escape: the character, or -1. As in Python, an escape and a pair of them want something behind them. */
static long scan_unicode_escape(struct scanner *s, bool name)
{
    enum { REPLACEMENT = 0xfffd };
    const int value = hex4(s, s->at + 1);
    if (value < 0 || s->end - s->at == 5) {
        fail(s, s->at, BAD_UNICODE_ESCAPE);
        return -1;
    }
    s->at += 5;
    if (value >= 0xd800 && value <= 0xdbff && s->end - s->at > 6 && s->at[0] == '\\' && s->at[1] == 'u') {
        const int low = hex4(s, s->at + 2);
        if (low >= 0xdc00 && low <= 0xdfff) {
            s->at += 6;
            return 0x10000 + ((long)(value - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    const bool surrogate = value >= 0xd800 && value <= 0xdfff, nul = value == 0 && name;
    s->surrogates |= surrogate;
    s->nul_names |= nul;
    return surrogate || nul ? REPLACEMENT : value;
}

static char *add_character(char *out, long c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *out++ = (char)(0xe0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    } else {
        *out++ = (char)(0xf0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3f));
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    }
    return out;
}

/* At a backslash of the string that begins at `start`: the character it stands for, or -1. */
static long scan_escape(struct scanner *s, const char *start, bool name)
{
    static const char meant[256] = {['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'};
    const char *backslash = s->at++;
    if (s->at == s->end) {
        fail(s, start, UNTERMINATED);
        return -1;
    }
    if (*s->at == 'u')
        return scan_unicode_escape(s, name);
    const char character = meant[(unsigned char)*s->at];
    if (character == '\0') {
        fail(s, backslash, BAD_ESCAPE);
        return -1;
    }
    s->at++;
    return character;
}

static bool is_special(char c)
{
    return c == '"' || c == '\\' || (unsigned char)c < 0x20;
}

/* The first such byte. Eight at a time. */
static const char *skip_plain(const char *at, const char *end)
{
    for (uint64_t word; end - at >= (ptrdiff_t)sizeof word; at += sizeof word) {
        memcpy(&word, at, sizeof word);
        if (json_special_bytes(word) != 0)
            break;
    }
    while (at < end && !is_special(*at))
        at++;
    return at;
}

/* Copies the bytes before it, and perhaps some more behind them: as many as are left of the text have room. */
static const char *copy_plain(const char *at, const char *end, char **out)
{
    for (uint64_t word; end - at >= (ptrdiff_t)sizeof word; at += sizeof word, *out += sizeof word) {
        memcpy(&word, at, sizeof word);
        memcpy(*out, &word, sizeof word);
        if (json_special_bytes(word) != 0)
            break;
    }
    while (at < end && !is_special(*at))
        *(*out)++ = *at++;
    return at;
}

/* At the opening quote. The text is that of the body, or, where there were escapes, good until the next string. */
static bool scan_string(struct scanner *s, bool name, struct string_view *text)
{
    const char *start = s->at++, *plain = s->at;
    s->at = skip_plain(s->at, s->end);
    if (s->at < s->end && *s->at == '"') {
        *text = (struct string_view){plain, (size_t)(s->at++ - plain)};
        return true;
    }
    if (s->at < s->end && *s->at == '\\' && s->unescaped == NULL && (s->unescaped = malloc((size_t)(s->end - start))) == NULL) {
        s->no_memory = true;
        return false;
    }
    char *out = s->unescaped;
    if (s->at < s->end && *s->at == '\\') {
        memcpy(out, plain, (size_t)(s->at - plain));
        out += s->at - plain;
    }
    while (s->at < s->end && *s->at == '\\') {
        const long character = scan_escape(s, start, name);
        if (character < 0)
            return false;
        out = add_character(out, character);
        s->at = copy_plain(s->at, s->end, &out);
    }
    if (s->at == s->end)
        return fail(s, start, UNTERMINATED);
    if (*s->at != '"')
        return fail(s, s->at, BAD_CONTROL);
    *text = (struct string_view){s->unescaped, (size_t)(out - s->unescaped)};
    s->at++;
    return true;
}

static json_t *scan_number(struct scanner *s)
{
    enum { SAFE_INTEGER_DIGITS = 18, DECIMAL = 10 };
    const char *start = s->at, *digits = s->at + (*s->at == '-');
    if (!is_digit(s, digits))
        return fail(s, start, EXPECTING_VALUE);
    const char *p = digits + 1;
    if (*digits != '0')
        while (is_digit(s, p))
            p++;
    const char *integer_end = p;
    if (p < s->end && *p == '.' && is_digit(s, p + 1))
        for (p++; is_digit(s, p);)
            p++;
    if (p < s->end && (*p == 'e' || *p == 'E')) {
        const char *e = p + 1;
        if (e < s->end && (*e == '+' || *e == '-'))
            e++;
        if (is_digit(s, e))
            for (p = e; is_digit(s, p);)
                p++;
    }
    s->at = p;
    if (p == integer_end && p - digits <= SAFE_INTEGER_DIGITS)
        return made(s, json_integer(strtoll(start, NULL, DECIMAL)));
    s->big_integer |= p == integer_end;
    const double value = strtod(start, NULL); /* stops at the number's end: at worst the terminating NUL behind the text */
    return isfinite(value) ? made(s, json_real(value)) : fail(s, start, OUT_OF_RANGE);
}

static json_t *scan_word(struct scanner *s, const char *word, json_t *value)
{
    size_t size = strlen(word);
    if ((size_t)(s->end - s->at) < size || memcmp(s->at, word, size) != 0)
        return fail(s, s->at, EXPECTING_VALUE);
    s->at += size;
    return value;
}

static json_t *scan_value(struct scanner *s, int depth);

/* Behind a member or an item: true when `end` follows, with its end taken; otherwise false, and a comma is taken or s->message set. */
static bool scan_end(struct scanner *s, char end)
{
    skip_space(s);
    if (s->at < s->end && *s->at == end) {
        s->at++;
        return true;
    }
    if (s->at == s->end || *s->at != ',') {
        fail(s, s->at, EXPECTING_COMMA);
        return false;
    }
    s->at++;
    skip_space(s);
    return false;
}

static bool scan_member(struct scanner *s, int depth, json_t *object)
{
    struct string_view name;
    if (s->at == s->end || *s->at != '"')
        return fail(s, s->at, EXPECTING_NAME);
    if (!scan_string(s, true, &name))
        return false;
    char *key = malloc(name.size + 1); /* the value may need the room for escapes */
    if (key == NULL) {
        s->no_memory = true;
        return false;
    }
    memcpy(key, name.data, name.size);
    key[name.size] = '\0';
    skip_space(s);
    json_t *value = NULL;
    if (s->at == s->end || *s->at != ':') {
        fail(s, s->at, EXPECTING_COLON);
    } else {
        s->at++;
        skip_space(s);
        value = scan_value(s, depth);
    }
    const bool ok = value != NULL && json_object_set_new_nocheck(object, key, value) == 0;
    s->no_memory |= value != NULL && !ok;
    free(key);
    return ok;
}

static bool scan_item(struct scanner *s, int depth, json_t *array)
{
    json_t *value = scan_value(s, depth);
    const bool ok = value != NULL && json_array_append_new(array, value) == 0;
    s->no_memory |= value != NULL && !ok;
    return ok;
}

/* At the opening bracket, `close` is the closing one. */
static json_t *scan_container(struct scanner *s, int depth, json_t *container, char close,
                              bool (*scan_entry)(struct scanner *s, int depth, json_t *container))
{
    if (made(s, container) == NULL)
        return NULL;
    s->at++;
    skip_space(s);
    if (s->at < s->end && *s->at == close) {
        s->at++;
        return container;
    }
    while (scan_entry(s, depth, container)) {
        if (scan_end(s, close))
            return container;
        if (s->message != NULL)
            break;
    }
    json_decref(container);
    return NULL;
}

static json_t *scan_value(struct scanner *s, int depth)
{
    struct string_view text;
    if (s->at == s->end)
        return fail(s, s->at, EXPECTING_VALUE);
    if (s->values++ == JSON_VALUES_MAX) {
        s->too_much = true;
        return NULL;
    }
    switch (*s->at) {
    case '"':
        return scan_string(s, false, &text) ? made(s, json_stringn_nocheck(text.data, text.size)) : NULL;
    case '{':
    case '[':
        if (depth == JSON_DEPTH_MAX) {
            s->too_much = true;
            return NULL;
        }
        return *s->at == '{' ? scan_container(s, depth + 1, json_object(), '}', scan_member)
                             : scan_container(s, depth + 1, json_array(), ']', scan_item);
    case 't':
        return scan_word(s, "true", json_true());
    case 'f':
        return scan_word(s, "false", json_false());
    case 'n':
        return scan_word(s, "null", json_null());
    default:
        if (*s->at == '-' || is_digit(s, s->at))
            return scan_number(s);
        return fail(s, s->at, EXPECTING_VALUE);
    }
}

bool utf8_valid(const char *chars, size_t size)
{
    enum { WORD = sizeof(uint64_t) };
    const unsigned char *bytes = (const unsigned char *)chars;
    size_t at = 0;

    while (at < size) {
        uint64_t word;
        unsigned bad;
        if (size - at >= WORD) {
            memcpy(&word, bytes + at, WORD);
            if ((word & 0x8080808080808080u) == 0) {
                at += WORD;
                continue;
            }
        }
        /* What most texts are made of, without a call for each: two bytes; three that are no border cases. */
        const unsigned char first = bytes[at];
        if (size - at >= 3 && first >= 0xc2 && first <= 0xdf && (bytes[at + 1] & 0xc0) == 0x80) {
            at += 2;
            continue;
        }
        if (size - at >= 3 && first >= 0xe1 && first <= 0xec && (bytes[at + 1] & 0xc0) == 0x80 && (bytes[at + 2] & 0xc0) == 0x80) {
            at += 3;
            continue;
        }
        unsigned length = utf8_character(bytes + at, size - at, &bad);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

static size_t characters_before(const char *start, const char *end)
{
    size_t count = 0;
    for (const char *p = start; p < end; p++)
        count += ((unsigned char)*p & 0xc0) != 0x80;
    return count;
}

static void *allocate(size_t size)
{
    return memory_needed(malloc(size));
}

void json_in_init(void)
{
    json_set_alloc_funcs(allocate, free);
    json_object_seed(0);
}

enum json_in_status json_in_parse(const char *text, size_t size, struct json_in *in)
{
    static const char BYTE_ORDER_MARK[] = "\xef\xbb\xbf";
    *in = (struct json_in){0};

    if (!utf8_valid(text, size))
        return JSON_IN_UNREADABLE;
    if (size >= 3 && memcmp(text, BYTE_ORDER_MARK, 3) == 0) {
        text += 3;
        size -= 3;
    }
    struct scanner s = {.at = text, .end = text + size};
    skip_space(&s);
    json_t *root = scan_value(&s, 0);
    skip_space(&s);
    if (root != NULL && s.at != s.end) {
        json_decref(root);
        root = fail(&s, s.at, EXTRA_DATA);
    }
    free(s.unescaped);
    if (root == NULL && s.no_memory)
        return JSON_IN_NO_MEMORY;
    if (root == NULL && s.too_much)
        return JSON_IN_UNREADABLE;
    if (root == NULL) {
        in->position = characters_before(text, s.error_at);
        in->message = s.message;
        return JSON_IN_SYNTAX;
    }
    in->root = root;
    in->surrogates = s.surrogates;
    in->nul_names = s.nul_names;
    in->big_integers = s.big_integer;
    return JSON_IN_OK;
}
