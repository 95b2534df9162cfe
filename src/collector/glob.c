/* glob.c: see glob.h. Runs in the collector. The pattern is a client's, the path a program's: both are hostile. */
#include "collector/glob.h"

#include "common/utf8.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The character at `at`, as a number, and its length; a byte that begins none is one by itself, and no other is the same: as
 * Python has names that are no UTF-8. */
static uint32_t character(const char *at, const char *end, size_t *length)
{
    enum { NOT_UTF8 = 0xdc00 };
    const unsigned char *p = (const unsigned char *)at;
    const size_t size = utf8_sequence(p, (size_t)(end - at));
    *length = size > 0 ? size : 1;
    if (size <= 1)
        return size == 1 ? p[0] : NOT_UTF8 | p[0];
    uint32_t value = p[0] & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++)
        value = value << 6 | (p[i] & 0x3f);
    return value;
}

/* The end of the set that begins at `at` ("["), behind its "]"; NULL: it is no set, the bracket means itself. */
static const char *set_end(const char *at, const char *end)
{
    const char *p = at + 1;
    p += p < end && *p == '!';
    p += p < end && *p == ']'; /* the first one is a member */
    while (p < end && *p != ']')
        p++;
    return p < end ? p + 1 : NULL;
}

static bool in_set(const char *at, const char *end, uint32_t value)
{
    const char *p = at + 1, *last = end - 1;
    const bool negated = *p == '!';
    bool found = false;
    size_t length;
    for (p += negated; p < last;) {
        const uint32_t low = character(p, last, &length);
        uint32_t high = low;
        p += length;
        if (p + 1 < last && *p == '-') {
            high = character(p + 1, last, &length);
            p += 1 + length;
        }
        found |= value >= low && value <= high;
    }
    return found != negated;
}

/* Does the part [p, p_end) of a pattern mean the part [s, s_end) of a path? Goes back to the last star only. */
static bool match_part(const char *p, const char *p_end, const char *s, const char *s_end)
{
    const char *star = NULL, *star_at = NULL;
    if (s < s_end && *s == '.' && (p == p_end || *p != '.'))
        return false;
    while (s < s_end) {
        size_t length = 1;
        const uint32_t value = character(s, s_end, &length);
        const char *set = p < p_end && *p == '[' ? set_end(p, p_end) : NULL;
        if (p < p_end && *p == '*') {
            star = p++;
            star_at = s;
        } else if (p < p_end && (*p == '?' || (set != NULL && in_set(p, set, value)))) {
            p = set != NULL ? set : p + 1;
            s += length;
        } else if (p < p_end && set == NULL && *p == *s) {
            p++;
            s++;
        } else if (star != NULL) {
            character(star_at, s_end, &length);
            star_at += length;
            p = star + 1;
            s = star_at;
        } else {
            return false;
        }
    }
    while (p < p_end && *p == '*')
        p++;
    return p == p_end;
}

/* The states that can be reached without taking a part of the path: past every "**" but the last part of the pattern, which means
 * what is in a folder and not the folder. */
static uint64_t close_over(uint64_t states, const bool *any, size_t count)
{
    for (size_t i = 0; i + 1 < count; i++)
        if ((states >> i & 1) != 0 && any[i])
            states |= (uint64_t)1 << (i + 1);
    return states;
}

bool glob_match(const char *pattern, const char *path)
{
    const char *parts[GLOB_PARTS_MAX], *ends[GLOB_PARTS_MAX];
    bool any[GLOB_PARTS_MAX];
    size_t count = 0;

    for (const char *p = pattern;; p = ends[count - 1] + 1) {
        if (count == GLOB_PARTS_MAX)
            return false;
        parts[count] = p;
        ends[count] = p + strcspn(p, "/");
        any[count] = ends[count] - p == 2 && p[0] == '*' && p[1] == '*';
        if (*ends[count++] == '\0')
            break;
    }
    /* Bit i: parts[0] to parts[i - 1] mean what has been taken of the path. */
    uint64_t states = close_over(1, any, count);
    for (const char *s = path; states != 0;) {
        const char *end = s + strcspn(s, "/");
        uint64_t next = 0;
        for (size_t i = 0; i < count; i++) {
            if ((states >> i & 1) == 0)
                continue;
            if (any[i])
                next |= *s != '.' ? (uint64_t)(i + 1 < count ? 1 : 3) << i : 0;
            else if (match_part(parts[i], ends[i], s, end))
                next |= (uint64_t)1 << (i + 1);
        }
        states = close_over(next, any, count);
        if (*end == '\0')
            break;
        s = end + 1;
    }
    return (states >> count & 1) != 0;
}
