/* texts.c: the texts of a request one by one: Base64 there and back, the rules for paths and patterns, numbers of seconds. */
#include "fuzz.h"

#include "common/config.h"
#include "front/request_id.h"
#include "front/texts.h"

#include <ctype.h>
#include <sodium.h>

static void base64(struct string_view text)
{
    if (text_check_base64(text) != NULL)
        return;
    const size_t size = text_base64_size(text);
    char *bytes = malloc(size > 0 ? size : 1), *again = malloc(text.size + 5);
    text_base64_decode(text, bytes);
    /* what is written of these bytes again is the text, but for white space and the bits that no byte has */
    sodium_bin2base64(again, text.size + 5, (const unsigned char *)bytes, size, sodium_base64_VARIANT_ORIGINAL);
    size_t at = 0;
    for (size_t i = 0; i < text.size; i++) {
        const char c = text.data[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        if (c == '=')
            break;
        const bool last = again[at] != '\0' && (again[at + 1] == '\0' || again[at + 1] == '=');
        MUST(again[at] != '\0' && (again[at] == c || last));
        at++;
    }
    MUST(again[at] == '\0' || again[at] == '=');
    free(bytes);
    free(again);
}

static void path(struct string_view text)
{
    if (text_check_path(text) != NULL)
        return;
    MUST(text.size > 0 && text.data[0] != '/' && text.data[text.size - 1] != '/');
    MUST(memchr(text.data, '\0', text.size) == NULL && memchr(text.data, '\\', text.size) == NULL);
    char *copy = copy_of(text.data, text.size, true), *rest = NULL;
    size_t parts = 0;
    for (char *part = strtok_r(copy, "/", &rest); part != NULL; part = strtok_r(NULL, "/", &rest), parts++)
        MUST(strcmp(part, ".") != 0 && strcmp(part, "..") != 0 && strlen(part) <= PATH_PART_BYTES_MAX);
    MUST(parts >= 1 && parts <= PATH_PARTS_MAX && strstr(text.data, "//") == NULL);
    MUST(text_check_glob(text) == NULL || text.size > 511); /* every path is a pattern */
    free(copy);
}

static void variable(struct string_view text)
{
    if (text_check_variable(text) == NULL)
        MUST(text.size > 0 && strlen(text.data) == text.size && strchr(text.data, '=') == NULL && strncmp(text.data, "PYTHON", 6) != 0);
}

static void plain(const char *text)
{
    double seconds = -1;
    if (config_parse_seconds(text, &seconds) == 0)
        MUST(seconds >= 0 && isdigit((unsigned char)text[strspn(text, ".")]));
    if (request_id_valid(text))
        MUST(strlen(text) > 0 && strlen(text) <= REQUEST_ID_MAX && strpbrk(text, " /\n\"\\%") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = copy_of(data, size, true);
    const struct string_view text = {copy, size};
    base64(text);
    path(text);
    variable(text);
    plain(copy);
    free(copy);
    return 0;
}
