/* imports.c: see imports.h. Runs in the front on hostile text. It is a guess, not a parser: a wrong one costs a program the
 * time of an import, or of a larger fork, and nothing else. */
#include "front/imports.h"

#include "common/modules.h"

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

/* False: it is none that imports. */
static bool scan_statement(const char *p, const char *end, struct imports *imports)
{
    if (is_word(p, end, "from", 4)) {
        take_name(p + 4, end, imports); /* a dot begins the program's own package: no name */
        return true;
    }
    if (!is_word(p, end, "import", 6))
        return false;
    p += 6;
    do {
        p = take_name(p, end, imports);
        if (p == NULL)
            return true;
        p = skip_alias(p, end);
    } while (p < end && *p++ == ',');
    return true;
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

/* Past the end of an import statement with its line; NULL where another statement follows in it, or what cannot be one does. */
static const char *skip_import(const char *p, const char *end)
{
    for (int depth = 0; p < end; p++) {
        if (*p == '#') {
            const char *newline = memchr(p, '\n', (size_t)(end - p));
            p = newline != NULL ? newline : end;
        }
        if (p == end || (*p == '\n' && depth == 0))
            return p < end ? p + 1 : end;
        if (*p == '\\' && end - p >= 2 && p[1] == '\n')
            p++;
        else if (*p == '(' || *p == ')')
            depth += *p == '(' ? 1 : -1;
        else if (!is_name_byte(*p) && memchr(" \t\n,.*", *p, 6) == NULL && !(*p == '\r' && end - p >= 2 && p[1] == '\n'))
            return NULL;
    }
    return end;
}

/* Past an empty line or one with a comment; NULL: it is another one. */
static const char *skip_empty(const char *line, const char *end)
{
    const char *p = skip_blanks(line, end);
    if (p < end && *p == '#') {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        p = newline != NULL ? newline : end;
    }
    if (end - p >= 2 && *p == '\r' && p[1] == '\n')
        p++;
    return p == end ? end : *p == '\n' ? p + 1 : NULL;
}

void imports_scan_head(const char *code, size_t size, struct imports *imports)
{
    const char *end = code + (size < SCAN_MAX ? size : SCAN_MAX);
    bool first = true;
    imports->count = 0;
    if (size >= 3 && memcmp(code, "\xef\xbb\xbf", 3) == 0) /* a byte order mark */
        code += 3;
    for (const char *line = code, *next; line != NULL && line < end; line = next) {
        next = skip_empty(line, end);
        if (next != NULL)
            continue;
        if ((*line == '"' || *line == '\'') && first) /* the program's docstring */
            next = skip_empty(skip_string(line, end), end);
        else if ((*line == 'i' || *line == 'f') && scan_statement(line, end, imports))
            next = skip_import(line, end);
        first = false;
    }
}

uint32_t imports_of(const char *modules, const char *code, size_t size)
{
    struct imports imports;
    uint32_t found = 0;
    imports_scan_head(code, size, &imports);
    for (size_t i = 0; i < imports.count; i++) {
        const char *name;
        size_t name_size;
        for (size_t number = 0; number < MODULES_MAX && modules_name(modules, number, &name, &name_size); number++) {
            const size_t top = strcspn(name, ".,");
            if (strncmp(imports.names[i], name, top) == 0 && imports.names[i][top] == '\0')
                found |= 1U << number;
        }
    }
    return found;
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
