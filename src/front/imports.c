/* imports.c: see imports.h. Runs in the front on hostile text. It is a guess, not a parser: a wrong one costs a program the
 * time of an import, or of a larger fork, and nothing else. */
#include "front/imports.h"

#include <ctype.h>
#include <string.h>

enum { SCAN_MAX = 256 << 10 }; /* bytes of a program that are looked at */

/* --- the program's text ------------------------------------------------------------------------------------------------ */

static bool is_name_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* The rest of a string whose quote stands at `p`: past its end. A string in one pair of quotes ends with its line. */
static const char *skip_string(const char *p, const char *end)
{
    const char quote = *p;
    const bool triple = end - p >= 3 && p[1] == quote && p[2] == quote;
    for (p += triple ? 3 : 1; p < end; p++) {
        if (*p == '\\') {
            p++;
        } else if (triple && end - p >= 3 && p[0] == quote && p[1] == quote && p[2] == quote) {
            return p + 3;
        } else if (!triple && (*p == quote || *p == '\n')) {
            return *p == quote ? p + 1 : p;
        }
    }
    return end;
}

/* Past the end of the logical line's text, at the first line end outside of a string. */
static const char *skip_line(const char *p, const char *end)
{
    while (p < end && *p != '\n') {
        if (*p == '#') {
            const char *newline = memchr(p, '\n', (size_t)(end - p));
            p = newline != NULL ? newline : end;
        } else if (*p == '"' || *p == '\'') {
            p = skip_string(p, end);
        } else {
            p += *p == '\\' && end - p >= 2 ? 2 : 1; /* a line that goes on begins no statement */
        }
    }
    return p < end ? p + 1 : end;
}

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    return p;
}

/* Adds the first part of the dotted name at `p`; returns where the whole of it ends, or NULL where there is no name. */
static const char *take_name(const char *p, const char *end, struct imports *imports)
{
    const char *start = p = skip_blanks(p, end);
    while (p < end && is_name_byte(*p))
        p++;
    const size_t size = (size_t)(p - start);
    if (size == 0 || isdigit((unsigned char)*start))
        return NULL;
    bool known = size >= IMPORT_NAME_MAX || imports->count == IMPORTS_MAX;
    for (size_t i = 0; i < imports->count && !known; i++)
        known = strncmp(imports->names[i], start, size) == 0 && imports->names[i][size] == '\0';
    if (!known) {
        memcpy(imports->names[imports->count], start, size);
        imports->names[imports->count++][size] = '\0';
    }
    while (p < end && (is_name_byte(*p) || *p == '.'))
        p++;
    return p;
}

/* "as name", if it stands there. */
static const char *skip_alias(const char *p, const char *end)
{
    p = skip_blanks(p, end);
    if (end - p < 3 || memcmp(p, "as", 2) != 0 || is_name_byte(p[2]))
        return p;
    p = skip_blanks(p + 2, end);
    while (p < end && is_name_byte(*p))
        p++;
    return skip_blanks(p, end);
}

static bool is_word(const char *p, const char *end, const char *word, size_t size)
{
    return (size_t)(end - p) > size && memcmp(p, word, size) == 0 && (p[size] == ' ' || p[size] == '\t');
}

static void scan_statement(const char *p, const char *end, struct imports *imports)
{
    if (is_word(p, end, "from", 4)) {
        take_name(p + 4, end, imports); /* a dot begins the program's own package: no name */
        return;
    }
    if (!is_word(p, end, "import", 6))
        return;
    p += 6;
    do {
        p = take_name(p, end, imports);
        if (p == NULL)
            return;
        p = skip_alias(p, end);
    } while (p < end && *p++ == ',');
}

void imports_scan(const char *code, size_t size, struct imports *imports)
{
    const char *end = code + (size < SCAN_MAX ? size : SCAN_MAX);
    imports->count = 0;
    if (size >= 3 && memcmp(code, "\xef\xbb\xbf", 3) == 0) /* a byte order mark */
        code += 3;
    for (const char *line = code; line < end; line = skip_line(line, end))
        if (*line == 'i' || *line == 'f')
            scan_statement(line, end, imports);
}

/* --- the choice ---------------------------------------------------------------------------------------------------------- */

bool imports_may_stand_in(const struct config *config, size_t environment)
{
    const struct config_environment *a = &config->environments[0], *b = &config->environments[environment];
    return strcmp(a->python, b->python) == 0 && a->limit_memory == b->limit_memory &&
           a->limit_processes == b->limit_processes && a->limit_cpus == b->limit_cpus &&
           a->limit_cpu_time == b->limit_cpu_time && a->limit_output == b->limit_output &&
           a->limit_workspace == b->limit_workspace && a->limit_files == b->limit_files &&
           a->limit_open_files == b->limit_open_files;
}

/* How many of the preloaded modules there are, and how many of them the program imports; by their top-level names. */
static void compare(const char *preload, const struct imports *imports, size_t *all, size_t *wanted)
{
    *all = *wanted = 0;
    while (*preload != '\0') {
        const size_t size = strcspn(preload, ".,");
        (*all)++;
        for (size_t i = 0; i < imports->count; i++)
            *wanted += strlen(imports->names[i]) == size && memcmp(imports->names[i], preload, size) == 0;
        preload += strcspn(preload, ",");
        preload += *preload == ',';
    }
}

uint32_t imports_choose(const struct config *config, const char *code, size_t size)
{
    struct imports imports;
    size_t best_all, best_wanted;
    uint32_t best = 0;

    imports_scan(code, size, &imports);
    compare(config->environments[0].preload, &imports, &best_all, &best_wanted);
    for (uint32_t i = 1; imports.count > 0 && i < config->environment_count; i++) {
        size_t all, wanted;
        if (!imports_may_stand_in(config, i))
            continue;
        compare(config->environments[i].preload, &imports, &all, &wanted);
        if (wanted > best_wanted || (wanted == best_wanted && wanted > 0 && all < best_all)) {
            best = i;
            best_all = all;
            best_wanted = wanted;
        }
    }
    return best;
}
