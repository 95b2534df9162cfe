/* request_id.c: see request_id.h. Runs in the front. */
#include "front/request_id.h"

#include <string.h>
#include <sys/random.h>

enum { ID_BYTES = 16, IDS_A_BATCH = 64 };

bool request_id_valid(const char *id)
{
    size_t size = strlen(id);
    return size > 0 && size <= REQUEST_ID_MAX &&
           strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == size;
}

void request_id_make(char id[REQUEST_ID_MAX + 1])
{
    static unsigned char random[ID_BYTES * IDS_A_BATCH];
    static size_t left;
    static const char digits[] = "0123456789abcdef";

    if (left == 0) {
        while (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        }
        left = IDS_A_BATCH;
    }
    const unsigned char *bytes = random + --left * ID_BYTES;
    for (int i = 0; i < ID_BYTES; i++) {
        id[2 * i] = digits[bytes[i] >> 4];
        id[2 * i + 1] = digits[bytes[i] & 15];
    }
    id[2 * ID_BYTES] = '\0';
}
