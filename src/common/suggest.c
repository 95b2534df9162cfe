/* suggest.c: see suggest.h. Runs where settings and the command line are read. */
#include "common/suggest.h"

#include <stdint.h>
#include <string.h>

enum { NAME_MAX_BYTES = 64 };

/* Levenshtein distance; names longer than NAME_MAX_BYTES are near nothing. */
static size_t distance(const char *a, const char *b)
{
    size_t a_size = strlen(a), b_size = strlen(b);
    if (a_size > NAME_MAX_BYTES || b_size > NAME_MAX_BYTES)
        return SIZE_MAX;
    size_t row[NAME_MAX_BYTES + 1];
    for (size_t j = 0; j <= b_size; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t above = row[j];
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (above + 1 < best)
                best = above + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
            diagonal = above;
        }
    }
    return row[b_size];
}

const char *suggest(const char *typed, const char *const *names)
{
    const char *nearest = NULL;
    size_t least = strlen(typed) / 3 + 1; /* one slip in three letters, at most */

    for (; *names != NULL; names++) {
        size_t d = distance(typed, *names);
        if (d <= least && (nearest == NULL || d < least)) {
            nearest = *names;
            least = d;
        }
    }
    return nearest;
}
