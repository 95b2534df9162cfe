/* texts.c: see texts.h. Runs in the front; the texts are hostile, valid UTF-8. */
#include "front/texts.h"

#include "collector/glob.h"
#include "common/protocol.h"

#include <string.h>

static bool starts_with(struct string_view text, const char *prefix)
{
    return text.size >= strlen(prefix) && memcmp(text.data, prefix, strlen(prefix)) == 0;
}

const char *text_check_argument(struct string_view text)
{
    return memchr(text.data, '\0', text.size) != NULL ? "a NUL character cannot be passed to a program" : NULL;
}

const char *text_check_variable(struct string_view text)
{
    if (text.size == 0)
        return "a variable needs a name";
    if (memchr(text.data, '=', text.size) != NULL || memchr(text.data, '\0', text.size) != NULL)
        return "a variable's name has no \"=\" and no NUL character";
    if (starts_with(text, "PYTHON"))
        return "the interpreter reads PYTHON... variables when it starts, which was before this request; set in the code what "
               "they would set";
    return NULL;
}

/* What is wrong with the parts of a path or a pattern; NULL when nothing is. */
static const char *check_parts(struct string_view text, size_t *parts)
{
    size_t start = 0;
    *parts = 1;
    for (size_t i = 0; i <= text.size; i++) {
        const unsigned char c = i < text.size ? (unsigned char)text.data[i] : '/';
        if (c < 0x20 || c == 0x7f || c == '\\')
            return "a path has no control characters and no backslash; its parts are separated by \"/\"";
        if (c != '/')
            continue;
        const size_t size = i - start;
        const char *part = text.data + start;
        if (size == 0 || (size == 1 && part[0] == '.') || (size == 2 && part[0] == '.' && part[1] == '.'))
            return "a path has no empty part, no \".\" and no \"..\"";
        if (size > PATH_PART_BYTES_MAX)
            return "a part of a path has at most 255 bytes";
        *parts += i < text.size;
        start = i + 1;
    }
    return NULL;
}

const char *text_check_path(struct string_view text)
{
    size_t parts;
    if (text.size == 0)
        return "a file needs a path";
    if (text.data[0] == '/')
        return "a path is relative to the working folder: it does not begin with \"/\"";
    const char *wrong = check_parts(text, &parts);
    return wrong == NULL && parts > PATH_PARTS_MAX ? "a path has at most 16 parts" : wrong;
}

const char *text_check_glob(struct string_view text)
{
    size_t parts;
    if (text.size == 0)
        return "a pattern is not empty; \"**\" means every file";
    if (text.data[0] == '/')
        return "a pattern is relative to the working folder: it does not begin with \"/\"";
    if (text.size > COLLECT_PATTERN_BYTES_MAX)
        return "a pattern has at most 511 bytes";
    const char *wrong = check_parts(text, &parts);
    return wrong == NULL && parts > GLOB_PARTS_MAX ? "a pattern has at most 32 parts" : wrong;
}

/* --- Base64 (RFC 4648) ---------------------------------------------------------------------------------------- */

enum { SPACE = 64, PADDING, WRONG };

/* What a character of Base64 stands for: 0 to 63, or one of the above. */
static const unsigned char *base64_values(void)
{
    static unsigned char values[256];
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (values['='] == PADDING)
        return values;
    memset(values, WRONG, sizeof values);
    for (unsigned char i = 0; i < 64; i++)
        values[(unsigned char)digits[i]] = i;
    values[' '] = values['\t'] = values['\r'] = values['\n'] = SPACE;
    values['='] = PADDING;
    return values;
}

/* The digits and the padding characters of a text. False: it is no Base64. Texts are large, so runs of digits are cheap. */
static bool base64_count(struct string_view text, size_t *digits, size_t *padding)
{
    const unsigned char *values = base64_values(), *at = (const unsigned char *)text.data, *end = at + text.size;
    size_t found = 0, padded = 0;
    for (;;) {
        const unsigned char *from = at;
        while (end - at >= 8 && (values[at[0]] | values[at[1]] | values[at[2]] | values[at[3]] | values[at[4]] | values[at[5]] |
                                 values[at[6]] | values[at[7]]) < SPACE)
            at += 8;
        while (at < end && values[*at] < SPACE)
            at++;
        if (at > from && padded > 0)
            return false;
        found += (size_t)(at - from);
        if (at == end)
            break;
        if (values[*at] == WRONG)
            return false;
        padded += values[*at] == PADDING;
        at++;
    }
    *digits = found;
    *padding = padded;
    return padded <= 2;
}

const char *text_check_base64(struct string_view text)
{
    size_t digits, padding;
    if (!base64_count(text, &digits, &padding))
        return "this is not Base64: its characters are A-Z, a-z, 0-9, \"+\", \"/\", and \"=\" at the end";
    if ((digits + padding) % 4 != 0)
        return "this Base64 is cut off: with its padding (\"=\") it has groups of four characters";
    return NULL;
}

size_t text_base64_size(struct string_view text)
{
    static const char spaces[] = {' ', '\t', '\r', '\n'};
    size_t digits = text.size, padding = 0;
    for (size_t i = 0; i < sizeof spaces; i++)
        if (memchr(text.data, spaces[i], text.size) != NULL) {
            base64_count(text, &digits, &padding);
            return digits * 3 / 4;
        }
    while (digits > 0 && text.data[digits - 1] == '=')
        digits--;
    return digits * 3 / 4;
}

void text_base64_decode(struct string_view text, char *bytes)
{
    const unsigned char *values = base64_values();
    uint32_t group = 0;
    unsigned bits = 0;
    size_t i = 0;
    for (; i + 4 <= text.size; i += 4) { /* whole groups, up to the first white space or padding */
        const unsigned char *four = (const unsigned char *)text.data + i;
        const unsigned char a = values[four[0]], b = values[four[1]], c = values[four[2]], d = values[four[3]];
        if ((a | b | c | d) >= SPACE)
            break;
        *bytes++ = (char)(a << 2 | b >> 4);
        *bytes++ = (char)(b << 4 | c >> 2);
        *bytes++ = (char)(c << 6 | d);
    }
    for (; i < text.size; i++) {
        const unsigned char value = values[(unsigned char)text.data[i]];
        if (value >= SPACE)
            continue;
        group = group << 6 | value;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *bytes++ = (char)(group >> bits);
        }
    }
}
