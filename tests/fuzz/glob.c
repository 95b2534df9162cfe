/* glob.c: patterns against paths, compared with the plainest matcher there is. The input is "pattern NUL path". */
#include "fuzz.h"

#include "collector/glob.h"
#include "common/utf8.h"
#include "front/json_in.h"

enum { SLOW_MAX = 16, PARTS_MAX = 64 };

static size_t length_of(const char *text)
{
    const size_t size = utf8_sequence((const unsigned char *)text, strlen(text));
    return size > 0 ? size : 1;
}

/* Sets are left out: such patterns only have to end. */
static bool part_matches(const char *pattern, const char *part)
{
    if (*pattern == '\0')
        return *part == '\0';
    if (*pattern == '*' && pattern[1] == '*')
        return part_matches(pattern + 1, part);
    if (*pattern == '*')
        return part_matches(pattern + 1, part) || (*part != '\0' && part_matches(pattern, part + length_of(part)));
    if (*part == '\0')
        return false;
    if (*pattern == '?')
        return part_matches(pattern + 1, part + length_of(part));
    return *pattern == *part && part_matches(pattern + 1, part + 1);
}

static bool one_part(const char *pattern, const char *part)
{
    return (part[0] != '.' || pattern[0] == '.') && part_matches(pattern, part);
}

static bool parts_match(char **patterns, char **parts)
{
    if (*patterns == NULL)
        return *parts == NULL;
    if (strcmp(*patterns, "**") == 0 && patterns[1] == NULL)
        return *parts != NULL && (*parts)[0] != '.' && (parts[1] == NULL || parts_match(patterns, parts + 1));
    if (strcmp(*patterns, "**") == 0)
        return parts_match(patterns + 1, parts) || (*parts != NULL && (*parts)[0] != '.' && parts_match(patterns, parts + 1));
    return *parts != NULL && one_part(*patterns, *parts) && parts_match(patterns + 1, parts + 1);
}

static size_t split(char *text, char **parts)
{
    size_t count = 0;
    for (char *at = text; at != NULL && count < PARTS_MAX - 1;) {
        char *slash = strchr(at, '/');
        parts[count++] = at;
        if (slash != NULL)
            *slash++ = '\0';
        at = slash;
    }
    parts[count] = NULL;
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;
    const size_t first = nul != NULL ? (size_t)(nul - data) : size, second = nul != NULL ? size - first - 1 : 0;
    char *pattern = copy_of(data, first, true), *path = copy_of(nul != NULL ? nul + 1 : data, second, true);
    const bool matches = glob_match(pattern, path);
    /* patterns come as JSON, so they are UTF-8; names are anything */
    if (utf8_valid(pattern, first) && first <= SLOW_MAX && strlen(path) <= SLOW_MAX && strchr(pattern, '[') == NULL) {
        char *patterns[PARTS_MAX], *parts[PARTS_MAX];
        split(pattern, patterns);
        split(path, parts);
        MUST(parts_match(patterns, parts) == matches);
    }
    free(pattern);
    free(path);
    return 0;
}
