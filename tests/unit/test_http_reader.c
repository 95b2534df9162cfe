/* Requests as bytes, many of them hostile: what is accepted, what is refused and how. */
#include "front/http_reader.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_BODY = 100, MORE = 0, OK = 200 };

#define GET "GET / HTTP/1.1\r\nHost: x\r\n"
#define POST "POST / HTTP/1.1\r\nHost: x\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

static const struct {
    const char *bytes;
    int status; /* OK: complete; MORE: not yet */
    const char *body;
    const char *rest; /* what is left for the next request */
} vectors[] = {
    {GET "\r\n", OK, "", ""},
    {"\r\n\r\n" GET "\r\n", OK, "", ""},
    {GET "A: b\r\n\r\n" GET, OK, "", GET},
    {GET "A:\r\nB: \t c \t\r\n\r\n", OK, "", ""},
    {POST "Content-Length: 3\r\n\r\nabcGET", OK, "abc", "GET"},
    {POST "Content-Length: 3\r\n\r\nab", MORE, NULL, NULL},
    {POST "Content-Length: 0\r\n\r\n", OK, "", ""},
    {CHUNKED "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\nGET", OK, "abcd", "GET"},
    {CHUNKED "3;a=b\r\nabc\r\n0\r\n\r\n", OK, "abc", ""},
    {CHUNKED "0\r\nHost: b\r\nExpect: tea\r\n\r\nGET", OK, "",
     "GET"}, /* trailers have no effect */
    {GET "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", OK, "", ""},
    {POST "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc", OK, "abc", ""},
    {"GET / HTTP/1.0\r\n\r\n", OK, "", ""},

    /* the Host */
    {"GET / HTTP/1.1\r\n\r\n", 400, NULL, NULL},
    {GET "Host: x\r\n\r\n", 400, NULL, NULL},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, NULL, NULL},
    /* lines and folding */
    {GET "A: b\r\n c\r\n\r\n", 400, NULL, NULL},
    {GET "A: b\r\n\tc\r\n\r\n", 400, NULL, NULL},
    {GET "A: b\r\n    c\r\n\r\n", 400, NULL, NULL},
    {GET "A:\r\n    c\r\n\r\n", 400, NULL, NULL},
    {GET "A: \r\n b\r\n\r\n", 400, NULL, NULL},
    {GET "A: b\r\n \r\n\r\n", 400, NULL, NULL},
    {"GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400, NULL, NULL},
    {"GET / HTTP/1.1\nHost: x\r\n\r\n", 400, NULL, NULL},
    {GET "A: b\nC: d\r\n\r\n", 400, NULL, NULL},
    {GET "A: b\rC: d\r\n\r\n", 400, NULL, NULL},
    {GET "\n", 400, NULL, NULL},
    {POST "Content-Length: 3\r\n\nabc", 400, NULL, NULL},
    /* names and values */
    {GET ": b\r\n\r\n", 400, NULL, NULL},
    {GET "A : b\r\n\r\n", 400, NULL, NULL},
    {GET "A\x01: b\r\n\r\n", 400, NULL, NULL},
    {GET "A: b\x01\r\n\r\n", 400, NULL, NULL},
    {GET "A: b\x7f\r\n\r\n", 400, NULL, NULL},
    /* the request line */
    {"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL, NULL},
    {"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL, NULL},
    {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL, NULL},
    {"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL, NULL},
    {"GET /  HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL, NULL},
    {"GET /a HTTP/1.1 HTTP/1.1\r\nHost: x\r\n\r\n", 505, NULL, NULL},
    {"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL, NULL},
    {"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL, NULL},
    {"get / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL, NULL},
    {"G@T / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL, NULL},
    {"-GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL, NULL},
    {" / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL, NULL},
    {"GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL, NULL},
    {"GET\r\n\r\n", 400, NULL, NULL},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\nHost: x\r\n\r\n", 400, NULL, NULL},
    {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / HTTP/1.1\r\nHost: x\r\n\r\n", OK, "", ""},
    {"QUERY / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", OK, "abc", ""},
    {"DESCRIBE / HTTP/1.1\r\nHost: x\r\n\r\n" GET, OK, "", GET},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, NULL, NULL},
    {"\n" GET "\r\n", 400, NULL, NULL},
    {"\r" GET "\r\n", 400, NULL, NULL},
    {"\r\r\n" GET "\r\n", 400, NULL, NULL},
    {"GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505, NULL, NULL},
    {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505, NULL, NULL},
    {"GET / HTTP/0.9\r\nHost: x\r\n\r\n", 505, NULL, NULL},
    {"GET /\r\n\r\n", 505, NULL, NULL},
    {"\x16\x03\x01\x02", 400, NULL, NULL},
    /* framing of the body */
    {POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400, NULL, NULL},
    {POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400, NULL, NULL},
    {POST "Content-Length: 3, 3\r\n\r\nabc", 400, NULL, NULL},
    {POST "Content-Length: +3\r\n\r\nabc", 400, NULL, NULL},
    {POST "Content-Length: -3\r\n\r\nabc", 400, NULL, NULL},
    {POST "Content-Length: 0x3\r\n\r\nabc", 400, NULL, NULL},
    {POST "Content-Length:\r\n\r\nabc", 400, NULL, NULL},
    {POST "Content-Length: 99999999999999999999999\r\n\r\n", 400, NULL, NULL},
    {POST "Content-Length: 101\r\n\r\n", 413, NULL, NULL},
    {POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, NULL, NULL},
    {POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400, NULL, NULL},
    {POST "Transfer-Encoding: gzip\r\n\r\n", 501, NULL, NULL},
    {POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, NULL, NULL},
    {POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501, NULL, NULL},
    {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400, NULL, NULL},
    {"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, NULL, NULL},
    {CHUNKED "65\r\n", 413, NULL, NULL},
    {CHUNKED "64\r\n", MORE, NULL, NULL},
    {CHUNKED "3\nabc\r\n0\r\n\r\n", 400, NULL, NULL},
    {CHUNKED "3\r\nabc0\r\n\r\n", 400, NULL, NULL},
    {CHUNKED "0x3\r\nabc\r\n0\r\n\r\n", 400, NULL, NULL},
    {CHUNKED "3;a=\nb\r\nabc\r\n0\r\n\r\n", 400, NULL, NULL},
    {CHUNKED "3;a=0123456789012345678901234567890123456789012345678901234567890123456789\r\n", 400, NULL,
     NULL},
    {CHUNKED "FFFFFFFFFFFFFFFFF\r\n", 400, NULL, NULL},
    {POST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", MORE, NULL, NULL},
    {POST "Expect: tea\r\nContent-Length: 3\r\n\r\n", 417, NULL, NULL},
};

/* Feeds a first piece, then pieces; returns the status and where reading stopped. */
static int feed_split(struct http_reader *reader, const char *bytes, size_t size, size_t first, size_t piece, size_t *stopped)
{
    size_t at = 0;
    while (at < size) {
        const size_t next = at == 0 ? first : piece;
        size_t taken, length = at + next < size ? next : size - at;
        /* a copy of its own, so that a read outside of the piece is noticed */
        char *copy = malloc(length);
        memcpy(copy, bytes + at, length);
        enum http_read result = http_reader_feed(reader, copy, length, &taken);
        free(copy);
        at += taken;
        *stopped = at;
        if (result == HTTP_REQUEST_COMPLETE)
            return OK;
        if (result == HTTP_REFUSED)
            return reader->status;
    }
    return MORE;
}

static int feed(struct http_reader *reader, const char *bytes, size_t size, size_t piece, size_t *stopped)
{
    return feed_split(reader, bytes, size, piece, piece, stopped);
}

/* Wherever it is cut in two, and in small pieces behind the cut, the outcome is the same. */
static void any_split(void **state)
{
    static const size_t pieces[] = {1, 5, 10000};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        for (size_t cut = 1; cut < strlen(vectors[i].bytes); cut++)
            for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
                struct http_reader reader;
                size_t stopped = 0, size = strlen(vectors[i].bytes);
                http_reader_init(&reader, MAX_BODY);
                int status = feed_split(&reader, vectors[i].bytes, size, cut, pieces[p], &stopped);
                if (status != vectors[i].status)
                    fail_msg("cut at %zu: %d instead of %d: %s", cut, status, vectors[i].status, vectors[i].bytes);
                if (status == OK)
                    assert_string_equal(vectors[i].bytes + stopped, vectors[i].rest);
                http_reader_free(&reader);
            }
}

static void requests(void **state)
{
    static const size_t pieces[] = {1, 2, 3, 7, 10000};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
            struct http_reader reader;
            size_t stopped = 0, size = strlen(vectors[i].bytes);
            http_reader_init(&reader, MAX_BODY);
            int status = feed(&reader, vectors[i].bytes, size, pieces[p], &stopped);
            if (status != vectors[i].status)
                fail_msg("%d instead of %d (%s): %s", status, vectors[i].status,
                         reader.detail != NULL ? reader.detail : "", vectors[i].bytes);
            if (status == OK) {
                assert_int_equal(reader.request.body.size, strlen(vectors[i].body));
                assert_memory_equal(reader.request.body.data, vectors[i].body, strlen(vectors[i].body) + 1);
                assert_string_equal(vectors[i].bytes + stopped, vectors[i].rest);
            }
            http_reader_free(&reader);
        }
}

static int feed_repeated(const char *start, const char *unit, size_t count, const char *end)
{
    struct http_reader reader;
    struct buffer text;
    size_t stopped;

    buffer_init(&text, 1 << 20);
    buffer_text(&text, start);
    for (size_t i = 0; i < count; i++)
        buffer_text(&text, unit);
    buffer_text(&text, end);
    http_reader_init(&reader, MAX_BODY);
    int status = feed(&reader, text.data, text.size, 1000, &stopped);
    http_reader_free(&reader);
    buffer_free(&text);
    return status;
}

static void limits(void **state)
{
    assert_int_equal(feed_repeated("GET /", "a", HTTP_URL_MAX - 1, " HTTP/1.1\r\nHost: x\r\n\r\n"), OK);
    assert_int_equal(feed_repeated("GET /", "a", HTTP_URL_MAX, " HTTP/1.1\r\nHost: x\r\n\r\n"), 414);
    assert_int_equal(feed_repeated(GET, "A: b\r\n", HTTP_HEADERS_MAX - 1, "\r\n"), OK);
    assert_int_equal(feed_repeated(GET, "A: b\r\n", HTTP_HEADERS_MAX, "\r\n"), 431);
    assert_int_equal(feed_repeated(GET "A: ", "b", HTTP_HEADER_MAX, "\r\n\r\n"), OK);
    assert_int_equal(feed_repeated(GET "A: ", "b", HTTP_HEADER_MAX + 1, "\r\n\r\n"), 431);
    assert_int_equal(feed_repeated(GET, "b", HTTP_HEADER_MAX + 1, ": a\r\n\r\n"), 431);
    assert_int_equal(feed_repeated(CHUNKED, "1\r\na\r\n", MAX_BODY, "0\r\n\r\n"), OK);
    assert_int_equal(feed_repeated(CHUNKED, "1;a=b\r\na\r\n", MAX_BODY, "0\r\n\r\n"), OK);
    assert_int_equal(feed_repeated(CHUNKED "0\r\n", "A: b\r\n", HTTP_HEADERS_MAX, "\r\n"), 431);
    assert_int_equal(feed_repeated(CHUNKED, "1\r\na\r\n", MAX_BODY + 1, "0\r\n\r\n"), 413);
}

static void what_a_request_says(void **state)
{
    static const char bytes[] =
        POST "Content-Type: application/json; charset=utf-8\r\nAccept-Encoding: br;q=1, gzip;q=0.5\r\n"
             "If-None-Match: \"abc\"\r\nConnection: close\r\n\r\n";
    struct http_reader reader;
    size_t stopped;

    http_reader_init(&reader, MAX_BODY);
    assert_int_equal(feed(&reader, bytes, sizeof bytes - 1, 5, &stopped), OK);
    assert_int_equal(reader.request.method, HTTP_POST);
    assert_string_equal(reader.request.content_type, "application/json; charset=utf-8");
    assert_string_equal(reader.request.if_none_match, "\"abc\"");
    assert_true(reader.request.accepts_gzip);
    assert_false(reader.request.keep_alive);
    http_reader_next(&reader);
    assert_int_equal(feed(&reader, GET "Accept-Encoding: gzip;q=0\r\n\r\n", strlen(GET) + 29, 50, &stopped),
                     OK);
    assert_string_equal(reader.request.content_type, "");
    assert_false(reader.request.accepts_gzip);
    assert_true(reader.request.keep_alive);
    http_reader_free(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(requests), cmocka_unit_test(any_split), cmocka_unit_test(limits),
                                       cmocka_unit_test(what_a_request_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
