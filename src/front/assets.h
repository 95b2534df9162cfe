/* assets.h: the files that the binary carries, gzip-compressed at build time by tools/embed.py. */
#pragma once

#include <stddef.h>

struct asset {
    const char *path; /* "/docs/swagger-ui.css" */
    const char *content_type;
    const char *etag; /* quoted; of the plain contents */
    const unsigned char *gzip;
    size_t gzip_size;
    size_t size; /* of the plain contents */
};

extern const struct asset assets[];
extern const size_t assets_count;

/* NULL when there is no such path. `size` is the path's length: it need not end in NUL. */
const struct asset *asset_find(const char *path, size_t size);

/* The plain contents for a client that cannot read gzip: malloc'ed, the caller's; NULL when memory is out. */
unsigned char *asset_inflate(const struct asset *asset);
