/* modules.c: see modules.h. */
#include "common/modules.h"

#include <stdio.h>
#include <string.h>

size_t modules_count(const char *list)
{
    size_t count = list[0] != '\0';
    for (; *list != '\0'; list++)
        count += *list == ',';
    return count;
}

bool modules_name(const char *list, size_t number, const char **name, size_t *size)
{
    for (; number > 0 && *list != '\0'; number--) {
        list += strcspn(list, ",");
        list += *list == ',';
    }
    *name = list;
    *size = strcspn(list, ",");
    return *size > 0;
}

void modules_text(const char *list, uint32_t set, char *out, size_t out_size)
{
    const char *name;
    size_t size, used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < MODULES_MAX && modules_name(list, i, &name, &size); i++) {
        if ((set >> i & 1) == 0)
            continue;
        const int n = snprintf(out + used, out_size - used, "%s%.*s", used > 0 ? "," : "", (int)size, name);
        if (n < 0 || (size_t)n >= out_size - used) {
            out[used] = '\0'; /* no part of a name */
            return;
        }
        used += (size_t)n;
    }
}
