/* response.h: an answer: its head as text, its body owned or static. */
#pragma once

#include "front/buffer.h"

#include <stdbool.h>
#include <stddef.h>

struct response {
    int status;
    const char *content_type; /* NULL: no body, no content type */
    bool streamed;            /* the body's length is not known: no Content-Length */
    bool chunked;             /* streamed, as chunks; else the end of the connection ends the body */
    struct buffer extra;      /* more header lines, each ended by CRLF */
    struct buffer body;
    const void *static_body; /* used instead of `body` when set; outlives the connection */
    size_t static_size;
};

void response_init(struct response *response);
void response_free(struct response *response);

/* Makes it a fresh 200; keeps at most `keep` bytes of the body's memory. */
void response_reset(struct response *response, size_t keep);

/* Adds a header line. Name and value are ours, or checked: no control characters. */
void response_header(struct response *response, const char *name, const char *value);

/* A whole answer whose body is JSON text that outlives the connection. */
void response_json(struct response *response, int status, const char *text);

/* {"detail": text} */
void response_detail(struct response *response, int status, const char *text);

const void *response_body(const struct response *response, size_t *size);

/* Writes the head into `head` (emptied first). `connection` is the header's value, or NULL to leave it out. */
void response_head(const struct response *response, const char *connection, struct buffer *head);

const char *response_reason(int status);
