/* json_in.c: see json_in.h. Runs in the front; the text is hostile.
 *
 * A scanner walks the text first. It knows Python's grammar and its messages, caps the nesting, and replaces, at the
 * same length, the few things that Python accepts and jansson refuses: an escaped lone surrogate and an escaped NUL in
 * a key become an escaped U+FFFD. jansson then builds the tree. Stricter than Python, on purpose: NaN, Infinity, numbers out
 * of a double's range, UTF-16, UTF-32 and surrogates written as UTF-8 are refused. */
#include "front/json_in.h"

#include "front/json_out.h"

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
    char *at, *end;
    const char *error_at, *message;
    bool too_deep, surrogates, big_integer;
};

static bool fail(struct scanner *s, const char *at, const char *message)
{
    s->error_at = at;
    s->message = message;
    return false;
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

/* At the 'u' of an escape. */
static bool scan_unicode_escape(struct scanner *s, bool key)
{
    int value = hex4(s, s->at + 1);
    if (value < 0)
        return fail(s, s->at, BAD_UNICODE_ESCAPE);
    char *digits = s->at + 1;
    s->at += 5;
    if (value >= 0xd800 && value <= 0xdbff && s->end - s->at >= 6 && s->at[0] == '\\' && s->at[1] == 'u') {
        int low = hex4(s, s->at + 2);
        if (low >= 0xdc00 && low <= 0xdfff) {
            s->at += 6;
            return true;
        }
    }
    if ((value >= 0xd800 && value <= 0xdfff) || (value == 0 && key)) {
        s->surrogates = true;
        memcpy(digits, "fffd", 4);
    }
    return true;
}

/* At the opening quote. */
static bool scan_string(struct scanner *s, bool key)
{
    const char *start = s->at++;
    for (;;) {
        while (s->at < s->end && *s->at != '"' && *s->at != '\\' && (unsigned char)*s->at >= 0x20)
            s->at++;
        if (s->at == s->end)
            return fail(s, start, UNTERMINATED);
        if (*s->at == '"') {
            s->at++;
            return true;
        }
        if (*s->at != '\\')
            return fail(s, s->at, BAD_CONTROL);
        const char *backslash = s->at++;
        if (s->at == s->end)
            return fail(s, start, UNTERMINATED);
        if (*s->at == 'u') {
            if (!scan_unicode_escape(s, key))
                return false;
        } else if (strchr("\"\\/bfnrt", *s->at) != NULL && *s->at != '\0') {
            s->at++;
        } else {
            return fail(s, backslash, BAD_ESCAPE);
        }
    }
}

static bool scan_number(struct scanner *s)
{
    enum { SAFE_INTEGER_DIGITS = 18 };
    const char *start = s->at, *digits = s->at + (*s->at == '-');
    if (!is_digit(s, digits))
        return fail(s, start, EXPECTING_VALUE);
    char *p = (char *)digits + 1;
    if (*digits != '0')
        while (is_digit(s, p))
            p++;
    const char *integer_end = p;
    if (p < s->end && *p == '.' && is_digit(s, p + 1))
        for (p++; is_digit(s, p);)
            p++;
    if (p < s->end && (*p == 'e' || *p == 'E')) {
        char *e = p + 1;
        if (e < s->end && (*e == '+' || *e == '-'))
            e++;
        if (is_digit(s, e))
            for (p = e; is_digit(s, p);)
                p++;
    }
    if (p == integer_end && p - digits > SAFE_INTEGER_DIGITS)
        s->big_integer = true;
    s->at = p;
    /* strtod() stops at the number's end: at worst the terminating NUL behind the text. */
    if ((p != integer_end || p - digits > SAFE_INTEGER_DIGITS) && !isfinite(strtod(start, NULL)))
        return fail(s, start, OUT_OF_RANGE);
    return true;
}

static bool scan_word(struct scanner *s, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(s->end - s->at) < size || memcmp(s->at, word, size) != 0)
        return fail(s, s->at, EXPECTING_VALUE);
    s->at += size;
    return true;
}

static bool scan_value(struct scanner *s, int depth);

/* Behind the opening brace. */
static bool scan_object(struct scanner *s, int depth)
{
    skip_space(s);
    if (s->at < s->end && *s->at == '}') {
        s->at++;
        return true;
    }
    for (;;) {
        if (s->at == s->end || *s->at != '"')
            return fail(s, s->at, EXPECTING_NAME);
        if (!scan_string(s, true))
            return false;
        skip_space(s);
        if (s->at == s->end || *s->at != ':')
            return fail(s, s->at, EXPECTING_COLON);
        s->at++;
        skip_space(s);
        if (!scan_value(s, depth))
            return false;
        skip_space(s);
        if (s->at < s->end && *s->at == '}') {
            s->at++;
            return true;
        }
        if (s->at == s->end || *s->at != ',')
            return fail(s, s->at, EXPECTING_COMMA);
        s->at++;
        skip_space(s);
    }
}

/* Behind the opening bracket. */
static bool scan_array(struct scanner *s, int depth)
{
    skip_space(s);
    if (s->at < s->end && *s->at == ']') {
        s->at++;
        return true;
    }
    for (;;) {
        if (!scan_value(s, depth))
            return false;
        skip_space(s);
        if (s->at < s->end && *s->at == ']') {
            s->at++;
            return true;
        }
        if (s->at == s->end || *s->at != ',')
            return fail(s, s->at, EXPECTING_COMMA);
        s->at++;
        skip_space(s);
    }
}

static bool scan_value(struct scanner *s, int depth)
{
    if (s->at == s->end)
        return fail(s, s->at, EXPECTING_VALUE);
    switch (*s->at) {
    case '"':
        return scan_string(s, false);
    case '{':
    case '[':
        if (depth == JSON_DEPTH_MAX) {
            s->too_deep = true;
            return false;
        }
        return *s->at++ == '{' ? scan_object(s, depth + 1) : scan_array(s, depth + 1);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
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

void json_in_init(void)
{
    json_object_seed(0);
}

enum json_in_status json_in_parse(char *text, size_t size, struct json_in *in)
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
    bool ok = scan_value(&s, 0);
    if (ok) {
        skip_space(&s);
        if (s.at != s.end)
            ok = fail(&s, s.at, EXTRA_DATA);
    }
    if (s.too_deep)
        return JSON_IN_UNREADABLE;
    if (!ok) {
        in->position = characters_before(text, s.error_at);
        in->message = s.message;
        return JSON_IN_SYNTAX;
    }
    in->surrogates = s.surrogates;
    size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | (s.big_integer ? JSON_DECODE_INT_AS_REAL : 0);
    in->root = json_loadb(text, size, flags, NULL);
    return in->root != NULL ? JSON_IN_OK : JSON_IN_UNREADABLE;
}
