/* texts.c: see texts.h. Runs in the front; the texts are hostile, valid UTF-8. */
#include "front/texts.h"

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
