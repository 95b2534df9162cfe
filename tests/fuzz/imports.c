/* imports.c: the guess at a program's imports: bounded names, each once, every one of them in the text. */
#include "fuzz.h"

#include "front/imports.h"

#include <ctype.h>

static void check(const struct imports *imports, const char *code)
{
    MUST(imports->count <= IMPORTS_MAX);
    for (size_t i = 0; i < imports->count; i++) {
        const char *name = imports->names[i];
        const size_t size = strnlen(name, IMPORT_NAME_MAX);
        MUST(size > 0 && size < IMPORT_NAME_MAX && !isdigit((unsigned char)name[0]));
        for (size_t at = 0; at < size; at++)
            MUST(isalnum((unsigned char)name[at]) || name[at] == '_');
        MUST(memmem(code, strlen(code), name, size) != NULL || strlen(code) == 0 || memchr(code, '\0', 1) != NULL);
        for (size_t other = 0; other < i; other++)
            MUST(strcmp(imports->names[other], name) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct imports imports, more;
    char *code = copy_of(data, size, false), *text = copy_of(data, size, true);
    for (size_t i = 0; i < size; i++) /* for the search */
        text[i] = text[i] == '\0' ? ' ' : text[i];
    imports_scan(code, size, &imports);
    check(&imports, text);

    /* what stands at its head is a part of that */
    imports_scan_head(code, size, &more);
    check(&more, text);
    for (size_t i = 0; i < more.count && imports.count < IMPORTS_MAX; i++) {
        bool known = false;
        for (size_t other = 0; other < imports.count && !known; other++)
            known = strcmp(more.names[i], imports.names[other]) == 0;
        MUST(known);
    }

    /* a line before the program changes nothing, and what it imports comes first */
    static const char first[] = "import fuzz_first\n";
    char *longer = malloc(sizeof first + size);
    memcpy(longer, first, sizeof first - 1);
    if (size > 0)
        memcpy(longer + sizeof first - 1, data, size);
    imports_scan(longer, sizeof first - 1 + size, &more);
    MUST(more.count >= 1 && strcmp(more.names[0], "fuzz_first") == 0);
    MUST(imports.count == IMPORTS_MAX || more.count >= imports.count || size < 3 || data[0] == 0xef);
    free(longer);
    free(text);
    free(code);
    return 0;
}
