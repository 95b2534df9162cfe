/* http_reader.c: see http_reader.h. Runs in the front; every byte is hostile. */
#include "front/http_reader.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

enum { BODY_KEEP = 16384, HTTP_BAD_REQUEST = 400 };

static struct http_reader *reader_of(llhttp_t *parser)
{
    return parser->data;
}

static int refuse(struct http_reader *r, int status, const char *detail)
{
    if (r->status == 0) {
        r->status = status;
        r->detail = detail;
    }
    return HPE_USER;
}

static int bad_request(struct http_reader *r, const char *detail)
{
    return refuse(r, HTTP_BAD_REQUEST, detail);
}

/* llhttp takes a bare LF for the empty line behind the head. */
static const char BAD_LINE_END[] = "Lines must end in CRLF";

/* The byte `back` places before `at`, which is inside what is being read now. */
static char byte_before(const struct http_reader *r, const char *at, ptrdiff_t back)
{
    ptrdiff_t index = at - r->chunk - back;
    return index >= 0 ? r->chunk[index] : index >= -HTTP_BYTES_BEFORE ? r->before[HTTP_BYTES_BEFORE + index] : 0;
}

/* What has been read is now what came before. */
static void remember(struct http_reader *r, const char *bytes, size_t size)
{
    const size_t most = HTTP_BYTES_BEFORE, kept = size < most ? most - size : 0;
    memmove(r->before, r->before + most - kept, kept);
    memcpy(r->before + kept, bytes + size - (most - kept), most - kept);
}

static bool follows_crlf(const struct http_reader *r, const char *at)
{
    return byte_before(r, at, 1) == '\n' && byte_before(r, at, 2) == '\r';
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* The last byte before `at` that is no blank, however far back. */
static char before_blanks(const struct http_reader *r, const char *at)
{
    while (at > r->chunk)
        if (!is_blank(*--at))
            return *at;
    return r->before_blanks;
}

static bool take_head_bytes(struct http_reader *r, size_t size)
{
    r->head_size += size;
    return r->head_size <= HTTP_HEAD_MAX;
}

static int on_url(llhttp_t *parser, const char *at, size_t size)
{
    struct http_reader *r = reader_of(parser);
    if (r->request.url.size == 0 && byte_before(r, at, 2) == ' ')
        return bad_request(r, "Invalid request line");
    if (!buffer_append(&r->request.url, at, size))
        return refuse(r, 414, "URI Too Long");
    return 0;
}

static int on_url_complete(llhttp_t *parser)
{
    struct http_reader *r = reader_of(parser);
    if (r->request.url.size == 0 || r->request.url.data[0] != '/')
        return bad_request(r, "The request target must be a path");
    return 0;
}

/* llhttp takes any number of spaces before it. */
static int on_version(llhttp_t *parser, const char *at, size_t size)
{
    enum { TO_SPACE = sizeof " HTTP/" - 1 };
    const struct http_reader *r = reader_of(parser);
    if (byte_before(r, at, TO_SPACE) == ' ' && byte_before(r, at, TO_SPACE + 1) == ' ')
        return bad_request(reader_of(parser), "Invalid request line");
    return 0;
}

static int on_version_complete(llhttp_t *parser)
{
    struct http_reader *r = reader_of(parser);
    if (parser->http_major != 1 || parser->http_minor > 1)
        return refuse(r, 505, "HTTP Version Not Supported");
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t size)
{
    struct http_reader *r = reader_of(parser);
    if (r->name_size == 0) {
        if (!follows_crlf(r, at))
            return bad_request(r, BAD_LINE_END);
        if (++r->headers > HTTP_HEADERS_MAX)
            return refuse(r, 431, "Too many header fields");
        r->value.size = 0;
        r->value_size = 0;
    }
    if (!take_head_bytes(r, size) || r->name_size + size > HTTP_HEADER_MAX)
        return refuse(r, 431, "Request Header Fields Too Large");
    for (size_t i = 0; i < size && r->name_size + i < sizeof r->name; i++)
        r->name[r->name_size + i] = at[i];
    r->name_size += size;
    return 0;
}

static bool is_header(const struct http_reader *r, const char *name)
{
    size_t size = strlen(name);
    return r->name_size == size && strncasecmp(r->name, name, size) == 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t size)
{
    struct http_reader *r = reader_of(parser);
    if (before_blanks(r, at) == '\n' && (size > 0 || r->value_size > 0)) /* llhttp reports an empty value behind its line */
        return bad_request(r, "Folded header lines are not supported");
    r->value_size += size;
    if (!take_head_bytes(r, size) || r->value_size > HTTP_HEADER_MAX)
        return refuse(r, 431, "Request Header Fields Too Large");
    for (size_t i = 0; i < size; i++)
        if (((unsigned char)at[i] < 0x20 && at[i] != '\t') || at[i] == 0x7f)
            return bad_request(r, "Invalid header value");
    if (r->name_size <= sizeof r->name)
        buffer_append(&r->value, at, size);
    return 0;
}

/* True when a comma-separated list has `token`, not with a weight of 0. */
static bool list_has(const char *list, const char *token)
{
    size_t length = strlen(token);
    for (const char *p = list; *p != '\0'; p += strcspn(p, ","), p += *p == ',') {
        p += strspn(p, " \t");
        if (strncasecmp(p, token, length) != 0 || strchr(" \t,;", p[length]) == NULL)
            continue;
        const char *q = p + length + strspn(p + length, " \t;");
        if (strncasecmp(q, "q=0", 3) == 0 && strspn(q + 3, ".0") == strcspn(q + 3, " \t,"))
            return false;
        return true;
    }
    return false;
}

static bool is_host(const char *value)
{
    return strspn(value,
                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%!$&'()*+,;=:[]") ==
           strlen(value);
}

/* The headers whose values a route may want to see. */
static const struct kept {
    const char *name;
    size_t offset, size;
} kept_headers[] = {
#define KEPT(name, member) {name, offsetof(struct http_request, member), sizeof(((struct http_request *)0)->member)}
    KEPT("content-type", content_type),
    KEPT("if-none-match", if_none_match),
    KEPT("host", host),
    KEPT("accept", accept),
    KEPT("origin", origin),
    KEPT("access-control-request-method", asks_method),
    KEPT("traceparent", traceparent),
    KEPT("authorization", authorization),
    KEPT("prefer", prefer),
    KEPT("x-request-id", request_id),
#undef KEPT
};
enum { KEPT_HEADERS = sizeof kept_headers / sizeof *kept_headers };

static void keep_header(const struct http_reader *r, struct http_request *request, const char *value)
{
    for (size_t i = 0; i < KEPT_HEADERS; i++) {
        char *place = (char *)request + kept_headers[i].offset;
        if (!is_header(r, kept_headers[i].name) || place[0] != '\0')
            continue;
        size_t size = r->value.size < kept_headers[i].size ? r->value.size : kept_headers[i].size - 1;
        memcpy(place, value, size);
        place[size] = '\0';
    }
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct http_reader *r = reader_of(parser);
    struct http_request *request = &r->request;

    if (r->name_size == 0)
        return bad_request(r, "Empty header name");
    if (!buffer_byte(&r->value, '\0'))
        return refuse(r, 431, "Request Header Fields Too Large");
    r->value.size--;
    char *value = r->value.data;
    while (r->value.size > 0 && (value[r->value.size - 1] == ' ' || value[r->value.size - 1] == '\t'))
        value[--r->value.size] = '\0';

    if ((parser->flags & F_TRAILING) != 0) {
        /* a trailer: read, counted, without effect */
    } else if (is_header(r, "host")) {
        r->hosts++;
        if (!is_host(value))
            return bad_request(r, "Invalid Host header");
        keep_header(r, request, value);
    } else if (is_header(r, "transfer-encoding")) {
        r->encodings++;
        r->encoding_chunked = strcasecmp(value, "chunked") == 0;
    } else if (is_header(r, "expect")) {
        r->expects = true;
        if (strcasecmp(value, "100-continue") != 0)
            return refuse(r, 417, "Expectation Failed");
    } else if (is_header(r, "accept-encoding")) {
        request->accepts_gzip |= list_has(value, "gzip");
    } else {
        keep_header(r, request, value);
    }
    r->name_size = 0;
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct http_reader *r = reader_of(parser);

    if (parser->http_major != 1)
        return refuse(r, 505, "HTTP Version Not Supported");
    parser->upgrade = 0; /* we offer no other protocol: an Upgrade header is ignored */
    r->request.method = parser->method;
    r->request.minor = parser->http_minor;
    r->request.keep_alive = llhttp_should_keep_alive(parser) != 0;
    if (r->hosts > 1 || (r->hosts == 0 && parser->http_minor == 1))
        return bad_request(r, "Exactly one Host header is required");
    if (r->encodings > 0) {
        if (parser->http_minor == 0)
            return bad_request(r, "Transfer-Encoding needs HTTP/1.1");
        if ((parser->flags & F_CONTENT_LENGTH) != 0)
            return bad_request(r, "Transfer-Encoding and Content-Length exclude each other");
        if (r->encodings > 1 || !r->encoding_chunked)
            return refuse(r, 501, "The only transfer coding is chunked");
    }
    if ((parser->flags & F_CONTENT_LENGTH) != 0 && parser->content_length > r->max_body)
        return refuse(r, 413, "Request body too large");
    r->head_complete = true;
    bool has_body = r->encodings > 0 || parser->content_length > 0;
    r->wants_continue = r->expects && has_body && parser->http_minor == 1;
    return 0;
}

/* Counts bytes of the body. False: all bodies together would hold too much. A small one, and the only one, is always taken. */
static bool count_body(struct http_reader *r, size_t size)
{
    struct http_bodies *bodies = r->bodies;
    if (bodies == NULL)
        return true;
    if (r->counted + size > BODY_KEEP && bodies->held > r->counted && bodies->held + size > bodies->most)
        return false;
    bodies->held += size;
    r->counted += size;
    return true;
}

static void uncount_body(struct http_reader *r)
{
    if (r->bodies != NULL)
        r->bodies->held -= r->counted;
    r->counted = 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t size)
{
    struct http_reader *r = reader_of(parser);
    r->wants_continue = false; /* it did not wait */
    if (r->request.body.size == 0 && r->encodings == 0 && !follows_crlf(r, at))
        return bad_request(r, BAD_LINE_END);
    if (size > r->max_body - r->request.body.size)
        return refuse(r, 413, "Request body too large");
    if (!count_body(r, size))
        return refuse(r, 503, "Too much is being sent by others");
    if (!buffer_append(&r->request.body, at, size))
        return refuse(r, 503, "Out of memory");
    return 0;
}

static int on_chunk_header(llhttp_t *parser)
{
    struct http_reader *r = reader_of(parser);
    if (parser->content_length > r->max_body - r->request.body.size)
        return refuse(r, 413, "Request body too large");
    return 0;
}

static int on_chunk_extension(llhttp_t *parser, const char *at, size_t size)
{
    struct http_reader *r = reader_of(parser);
    r->extension_size += size;
    return r->extension_size > HTTP_CHUNK_EXTENSION_MAX ? bad_request(r, "Chunk extensions too long") : 0;
}

static int on_chunk_complete(llhttp_t *parser)
{
    reader_of(parser)->extension_size = 0;
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    return HPE_PAUSED;
}

static const llhttp_settings_t callbacks = {
    .on_url = on_url,
    .on_url_complete = on_url_complete,
    .on_version = on_version,
    .on_version_complete = on_version_complete,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_chunk_header = on_chunk_header,
    .on_chunk_complete = on_chunk_complete,
    .on_chunk_extension_name = on_chunk_extension,
    .on_chunk_extension_value = on_chunk_extension,
    .on_message_complete = on_message_complete,
};

static void reset(struct http_reader *r)
{
    llhttp_init(&r->parser, HTTP_REQUEST, &callbacks);
    r->parser.data = r;
    r->begun = r->head_complete = r->wants_continue = r->encoding_chunked = r->expects = false;
    r->status = 0;
    r->method_size = r->name_size = r->value_size = r->head_size = r->extension_size = 0;
    r->has_method = false;
    memset(r->before, 0, sizeof r->before);
    r->headers = r->hosts = r->encodings = 0;
    r->request.method = HTTP_GET;
    r->request.minor = 1;
    r->request.keep_alive = true;
    r->request.accepts_gzip = false;
    r->request.method_name[0] = r->request.key_name[0] = '\0';
    r->request.trace = (struct trace){0};
    for (size_t i = 0; i < KEPT_HEADERS; i++)
        *((char *)&r->request + kept_headers[i].offset) = '\0';
}

void http_reader_init(struct http_reader *r, size_t max_body)
{
    *r = (struct http_reader){.max_body = max_body};
    buffer_init(&r->request.url, HTTP_URL_MAX);
    buffer_init(&r->request.body, max_body + 1);
    r->request.body.may_fail = true;
    buffer_init(&r->value, HTTP_HEADER_MAX + 1);
    reset(r);
}

void http_reader_free(struct http_reader *r)
{
    uncount_body(r);
    buffer_free(&r->request.url);
    buffer_free(&r->request.body);
    buffer_free(&r->value);
}

void http_reader_next(struct http_reader *r)
{
    uncount_body(r);
    buffer_reset(&r->request.url, BUFFER_SMALL);
    buffer_reset(&r->request.body, BODY_KEEP);
    buffer_reset(&r->value, BUFFER_SMALL);
    reset(r);
}

/* Why llhttp stopped, as an answer. */
static void refuse_for(struct http_reader *r, llhttp_errno_t error)
{
    if (r->encodings > 0 && !r->encoding_chunked && error == HPE_INVALID_TRANSFER_ENCODING)
        refuse(r, r->parser.http_minor == 0 ? HTTP_BAD_REQUEST : 501, "The only transfer coding is chunked");
    else if (error == HPE_INVALID_VERSION)
        refuse(r, 505, "HTTP Version Not Supported");
    else
        bad_request(r, "Invalid HTTP request received.");
}

/* What llhttp reads instead of the method: its versions know different ones and refuse the others as no HTTP, where the
 * answer should be that the path has no such method. */
static const char *method_to_read(const char *name)
{
    static const char *const told_apart[] = {"GET", "HEAD", "POST", "DELETE", "OPTIONS", "CONNECT"};
    for (size_t i = 0; i < sizeof told_apart / sizeof *told_apart; i++)
        if (strcmp(name, told_apart[i]) == 0)
            return name;
    return "PUT";
}

/* Takes the method, and the blank lines before it. False: it is none. */
static bool read_method(struct http_reader *r, const char *bytes, size_t size, size_t *taken)
{
    char *name = r->request.method_name;
    size_t at = 0;
    r->chunk = bytes;
    while (r->method_size == 0 && at < size && bytes[at] == (byte_before(r, bytes + at, 1) == '\r' ? '\n' : '\r'))
        at++;
    if (at < size && r->method_size == 0 && byte_before(r, bytes + at, 1) == '\r')
        return false;
    for (; at < size && ((bytes[at] >= 'A' && bytes[at] <= 'Z') || (bytes[at] == '-' && r->method_size > 0)); at++) {
        if (r->method_size == HTTP_METHOD_MAX)
            return false;
        name[r->method_size++] = bytes[at];
    }
    *taken = at;
    if (at == size) {
        remember(r, bytes, size);
        return true;
    }
    if (bytes[at] != ' ' || r->method_size == 0)
        return false;
    name[r->method_size] = '\0';
    r->has_method = true;
    const char *word = method_to_read(name);
    r->chunk = word;
    llhttp_execute(&r->parser, word, strlen(word));
    remember(r, word, strlen(word));
    return true;
}

/* The request without its method. */
static enum http_read read_rest(struct http_reader *r, const char *bytes, size_t size, size_t *taken)
{
    r->chunk = bytes;
    llhttp_errno_t error = llhttp_execute(&r->parser, bytes, size);
    *taken = size;
    if (error == HPE_OK) {
        r->before_blanks = before_blanks(r, bytes + size);
        remember(r, bytes, size);
        return HTTP_MORE;
    }
    if (error == HPE_PAUSED && r->status == 0) {
        const char *end = llhttp_get_error_pos(&r->parser);
        *taken = (size_t)(end - bytes);
        if ((r->encodings > 0 || r->request.body.size == 0) && !follows_crlf(r, end))
            bad_request(r, BAD_LINE_END);
        if (buffer_byte(&r->request.body, '\0'))
            r->request.body.size--;
        else
            refuse(r, 503, "Out of memory");
        return r->status == 0 ? HTTP_REQUEST_COMPLETE : HTTP_REFUSED;
    }
    refuse_for(r, error);
    return HTTP_REFUSED;
}

enum http_read http_reader_feed(struct http_reader *r, const char *bytes, size_t size, size_t *taken)
{
    size_t method = 0, rest = 0;
    r->begun |= size > 0;
    if (!r->has_method && !read_method(r, bytes, size, &method)) {
        *taken = size;
        bad_request(r, "Invalid HTTP request received.");
        return HTTP_REFUSED;
    }
    const enum http_read read = method < size ? read_rest(r, bytes + method, size - method, &rest) : HTTP_MORE;
    *taken = method + rest;
    return read;
}
