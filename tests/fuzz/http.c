/* http.c: the HTTP reader. However the bytes are cut into pieces, what comes of them is the same. */
#include "fuzz.h"

#include "front/admission.h"
#include "front/http_reader.h"
#include "front/stream.h"
#include "front/trace.h"

enum { MAX_BODY = 1000, INPUT_MAX = 8192, PIECES = 4, RECORD_MAX = 1 << 20 };

static void record_request(struct buffer *record, const struct http_request *request)
{
    const char *texts[] = {request->content_type, request->if_none_match, request->accept, request->host, request->origin,
                           request->asks_method, request->traceparent, request->authorization, request->prefer, request->request_id};
    buffer_format(record, "%d %d %d %d\n", request->method, request->minor, request->keep_alive, request->accepts_gzip);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        buffer_append(record, texts[i], strlen(texts[i]) + 1);
    buffer_append(record, request->url.data, request->url.size);
    buffer_append(record, "", 1);
    buffer_append(record, request->body.data, request->body.size);
    MUST(request->url.size > 0 && request->url.size <= HTTP_URL_MAX && request->url.data[0] == '/');
    MUST(request->body.size <= MAX_BODY && (request->body.size == 0 || request->body.data[request->body.size] == '\0'));
}

/* What the reader's users make of the headers. */
static void use_headers(const struct http_request *request)
{
    struct trace trace = {0};
    char text[TRACEPARENT_SIZE + 1] = "";
    trace_read(request->traceparent, &trace);
    MUST(strlen(trace.id) == 0 || strlen(trace.id) == TRACE_ID_SIZE);
    trace_response(&trace, text);
    MUST(strlen(text) <= TRACEPARENT_SIZE);
    stream_format(request->accept);
    prefer_wait(request->prefer, 1);
    request_id_valid(request->request_id);
}

/* Everything that the reader says of these bytes, request after request, in pieces of these sizes (0: all at once). */
static void read_all(const uint8_t *bytes, size_t size, const uint8_t pieces[PIECES], struct buffer *record)
{
    struct http_reader reader;
    enum http_read result = HTTP_MORE;
    http_reader_init(&reader, MAX_BODY);
    for (size_t at = 0, n = 0; at < size && result != HTTP_REFUSED; n++) {
        const size_t piece = pieces != NULL ? (size_t)pieces[n % PIECES] + 1 : size, left = size - at;
        const size_t length = piece < left ? piece : left;
        size_t taken = 0;
        char *copy = copy_of(bytes + at, length, false);
        result = http_reader_feed(&reader, copy, length, &taken);
        free(copy);
        MUST(taken <= length && (result != HTTP_MORE || taken == length));
        at += result == HTTP_REFUSED ? 0 : taken;
        if (result != HTTP_REQUEST_COMPLETE)
            continue;
        record_request(record, &reader.request);
        use_headers(&reader.request);
        buffer_format(record, "\nends at %zu\n", at);
        http_reader_next(&reader);
    }
    if (result == HTTP_REFUSED) /* of several faults any may be told */
        buffer_text(record, "refused");
    else
        buffer_format(record, "more: %d %d %d", reader.begun, reader.head_complete, reader.wants_continue);
    MUST(result != HTTP_REFUSED || (reader.status >= 400 && reader.status < 600 && reader.detail != NULL));
    http_reader_free(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct buffer whole, split;
    uint8_t pieces[PIECES];
    struct input input = {data, size < INPUT_MAX ? size : INPUT_MAX};
    take(&input, pieces, sizeof pieces);
    if (whole.max == 0) {
        buffer_init(&whole, RECORD_MAX);
        buffer_init(&split, RECORD_MAX);
    }
    buffer_reset(&whole, RECORD_MAX);
    buffer_reset(&split, RECORD_MAX);
    read_all(input.data, input.size, NULL, &whole);
    read_all(input.data, input.size, pieces, &split);
    if (whole.size != split.size || memcmp(whole.data, split.data, whole.size) != 0) {
        fprintf(stderr, "whole:\n%.*s\nsplit:\n%.*s\n", (int)whole.size, whole.data, (int)split.size, split.data);
        MUST(!"the pieces matter");
    }
    return 0;
}
