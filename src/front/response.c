/* response.c: see response.h. Runs in the front. */
#include "front/response.h"

#include "front/json_out.h"

#include <stdint.h>
#include <string.h>
#include <time.h>

enum { EXTRA_MAX = 2048, BODY_MAX_SHIFT = 40 };

void response_init(struct response *response)
{
    *response = (struct response){.status = 200, .content_type = "application/json"};
    buffer_init(&response->extra, EXTRA_MAX);
    buffer_init(&response->body,
                (size_t)1 << BODY_MAX_SHIFT); /* what goes in is bounded where it comes from */
}

void response_reset(struct response *response, size_t keep)
{
    buffer_reset(&response->extra, BUFFER_SMALL);
    buffer_reset(&response->body, keep);
    response->status = 200;
    response->content_type = "application/json";
    response->static_body = NULL;
    response->static_size = 0;
    response->streamed = response->chunked = false;
}

void response_free(struct response *response)
{
    buffer_free(&response->extra);
    buffer_free(&response->body);
}

void response_header(struct response *response, const char *name, const char *value)
{
    buffer_text(&response->extra, name);
    buffer_append(&response->extra, ": ", 2);
    buffer_text(&response->extra, value);
    buffer_append(&response->extra, "\r\n", 2);
}

void response_json(struct response *response, int status, const char *text)
{
    response->status = status;
    response->static_body = text;
    response->static_size = strlen(text);
}

void response_detail(struct response *response, int status, const char *text)
{
    response->status = status;
    buffer_text(&response->body, "{\"detail\":");
    json_write_string(&response->body, text, strlen(text));
    buffer_byte(&response->body, '}');
}

const void *response_body(const struct response *response, size_t *size)
{
    *size = response->static_body != NULL ? response->static_size : response->body.size;
    return response->static_body != NULL ? response->static_body : response->body.data;
}

const char *response_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {204, "No Content"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

/* "Sun, 22 Nov 2026 20:52:42 GMT", made once a second. */
static const char *http_date(void)
{
    static char text[64];
    static time_t made;
    struct timespec now;
    struct tm parts;

    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != made && gmtime_r(&now.tv_sec, &parts) != NULL) {
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
        made = now.tv_sec;
    }
    return text;
}

void response_head(const struct response *response, const char *connection, struct buffer *head)
{
    size_t size;
    response_body(response, &size);
    head->size = 0;
    buffer_format(head, "HTTP/1.1 %d %s\r\ndate: %s\r\nserver: hatchery\r\n", response->status,
                  response_reason(response->status), http_date());
    if (response->chunked)
        buffer_text(head, "transfer-encoding: chunked\r\n");
    else if (response->status != 304 && response->status != 204 && !response->streamed)
        buffer_format(head, "content-length: %zu\r\n", size);
    if (response->content_type != NULL)
        buffer_format(head, "content-type: %s\r\n", response->content_type);
    if (connection != NULL)
        buffer_format(head, "connection: %s\r\n", connection);
    buffer_append(head, response->extra.data, response->extra.size);
    buffer_append(head, "\r\n", 2);
}
