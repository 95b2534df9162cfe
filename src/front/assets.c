/* assets.c: see assets.h. Runs in the front; the table is generated at build time. */
#include "front/assets.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

const struct asset *asset_find(const char *path, size_t size)
{
    for (size_t i = 0; i < assets_count; i++)
        if (strlen(assets[i].path) == size && memcmp(assets[i].path, path, size) == 0)
            return &assets[i];
    return NULL;
}

unsigned char *asset_inflate(const struct asset *asset)
{
    enum { GZIP_WINDOW = 15 + 16 }; /* the largest window, a gzip header */
    unsigned char *plain = malloc(asset->size + 1);
    z_stream stream = {.next_in = (unsigned char *)asset->gzip,
                       .avail_in = (unsigned)asset->gzip_size,
                       .next_out = plain,
                       .avail_out = (unsigned)asset->size};

    if (plain == NULL)
        return NULL;
    int status = inflateInit2(&stream, GZIP_WINDOW);
    if (status == Z_OK) {
        status = inflate(&stream, Z_FINISH);
        inflateEnd(&stream);
    }
    if (status != Z_STREAM_END || stream.total_out != asset->size) {
        free(plain);
        return NULL;
    }
    return plain;
}
