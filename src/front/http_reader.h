/* http_reader.h: reads HTTP/1.1 requests from bytes. llhttp parses; what it leaves open is decided here: one Host, only
 * `chunked`, no obsolete folding, trailers without effect, and a limit on everything. Knows nothing of sockets. */
#pragma once

#include "common/keys_file.h"
#include "front/buffer.h"
#include "front/request_id.h"
#include "front/trace.h"

#if __has_include(<llhttp/llhttp.h>)
#include <llhttp/llhttp.h> /* Debian 12 */
#else
#include <llhttp.h>
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HTTP_URL_MAX = 8192,
    HTTP_HEADER_MAX = 8192,       /* one header's name or value */
    HTTP_HEADERS_MAX = 64,        /* headers in a request */
    HTTP_HEAD_MAX = 32768,        /* all of them together */
    HTTP_CHUNK_EXTENSION_MAX = 64, /* of one chunk */
    HTTP_HOST_KEPT = 280,          /* a name of 255 bytes, a port */
    HTTP_METHOD_MAX = 32,
    HTTP_BYTES_BEFORE = 8          /* that are looked back at: " HTTP/" and one more */
};

struct http_request {
    uint8_t method; /* enum llhttp_method; HTTP_PUT stands for every method that no route has */
    uint8_t minor;  /* HTTP/1.minor */
    bool keep_alive;
    bool accepts_gzip;
    char method_name[HTTP_METHOD_MAX + 1];
    /* Of these headers the first one's value, cut off at the size; "" when there is none. */
    char content_type[256], if_none_match[128], accept[256];
    char host[HTTP_HOST_KEPT], origin[256], asks_method[16], traceparent[64];
    char authorization[128], prefer[64];
    char request_id[REQUEST_ID_MAX + 2]; /* X-Request-Id; one byte more shows that it is too long */
    char key_name[KEY_NAME_MAX + 1]; /* whose key it came with; "" without one */
    struct trace trace; /* of its traceparent; the router reads it */
    struct buffer url;  /* starts with '/' */
    struct buffer body; /* a NUL follows it */
};

enum http_read {
    HTTP_MORE, /* all bytes were taken, the request is not complete */
    HTTP_REQUEST_COMPLETE,
    HTTP_REFUSED /* answer `status` and `detail`, then close */
};

/* What the bodies of several readers hold together, and may hold. */
struct http_bodies {
    size_t held, most;
};

struct http_reader {
    llhttp_t parser;
    struct http_request request;
    size_t max_body;
    struct http_bodies *bodies; /* NULL: its body is not counted. To be set before the first byte */
    bool begun; /* a byte of the request has come */
    bool head_complete;
    bool wants_continue; /* the client waits for "100 Continue"; the connection clears it */
    int status;
    const char *detail;

    /* the rest is the reader's own */
    char name[32];
    size_t method_size, name_size, value_size, head_size, extension_size;
    bool has_method;
    unsigned headers, hosts, encodings;
    size_t counted; /* of the body's bytes, in `bodies` */
    bool encoding_chunked, expects;
    struct buffer value;
    const char *chunk; /* what is being read now, */
    char before[HTTP_BYTES_BEFORE]; /* and the bytes before it, */
    char before_blanks;             /* and the last one before it that is no blank */
};

void http_reader_init(struct http_reader *reader, size_t max_body);
void http_reader_free(struct http_reader *reader);

/* Makes ready for the next request of the connection. */
void http_reader_next(struct http_reader *reader);

/* Reads on. `taken` is how many of the bytes were used: fewer than `size` only behind a complete request. */
enum http_read http_reader_feed(struct http_reader *reader, const char *bytes, size_t size, size_t *taken);
