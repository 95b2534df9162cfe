/* guard.c: see guard.h. Runs in the front; the headers are hostile, and a browser that sends them may be misled.
 *
 * A page can make a browser send requests here in two ways. It has its own name resolve to this address; then the Host header
 * tells. Or it simply sends them, and cannot read the answers, but a run needs no reader; then the Origin header tells. Without
 * an Origin it is no browser's cross-site request that could change anything. */
#include "front/guard.h"

#include "front/connection.h"
#include "front/keys.h"
#include "front/metrics.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { NAME_MAX_LENGTH = 255 };

/* Whether a list, separated by commas and spaces, has the word, or "*". */
static bool list_has(const char *list, const char *word)
{
    const size_t length = strlen(word);
    for (const char *p = list; *p != '\0';) {
        p += strspn(p, ", ");
        size_t size = strcspn(p, ", ");
        if ((size == 1 && *p == '*') || (size == length && length > 0 && strncasecmp(p, word, size) == 0))
            return true;
        p += size;
    }
    return false;
}

/* The name in a Host header, without port, brackets and a final dot. False: it has none. */
static bool host_name(const char *host, char name[NAME_MAX_LENGTH + 1])
{
    const char *start = host[0] == '[' ? host + 1 : host;
    size_t size = strcspn(start, host[0] == '[' ? "]" : ":");
    if (size > 0 && start[size - 1] == '.')
        size--;
    if (size == 0 || size > NAME_MAX_LENGTH)
        return false;
    memcpy(name, start, size);
    name[size] = '\0';
    return true;
}

static bool ends_with(const char *name, const char *end)
{
    size_t size = strlen(name), length = strlen(end);
    return size >= length && strcasecmp(name + size - length, end) == 0;
}

/* An address, "localhost" and a name without a dot cannot be a name that a stranger has registered. */
static bool host_admitted(const struct config *config, const char *host)
{
    char name[NAME_MAX_LENGTH + 1];
    unsigned char address[sizeof(struct in6_addr)];

    if (host[0] == '\0') /* HTTP/1.0, so no browser */
        return true;
    if (!host_name(host, name))
        return false;
    return strchr(name, '.') == NULL || ends_with(name, ".localhost") || inet_pton(AF_INET, name, address) == 1 ||
           list_has(config->allowed_hosts, name);
}

/* Whether the page is this service's own: http://HOST or https://HOST, as the Host header has it. */
static bool same_origin(const struct http_request *request)
{
    const char *host = strstr(request->origin, "://");
    return host != NULL && strcasecmp(host + 3, request->host) == 0;
}

static bool may_change_something(uint8_t method)
{
    return method != HTTP_GET && method != HTTP_HEAD && method != HTTP_OPTIONS;
}

static void refuse(struct connection *connection, int status, enum rejection why, const char *detail)
{
    metrics_rejected(connection_server(connection)->metrics, why);
    response_detail(connection_response(connection), status, detail);
    connection_answer(connection);
}

static bool refuse_host(struct connection *connection)
{
    char detail[HTTP_HOST_KEPT + 80];
    snprintf(detail, sizeof detail, "\"%s\" is no name of this service (setting allowed-hosts)",
             connection_request(connection)->host);
    refuse(connection, 421, REJECTED_HOST, detail);
    return false;
}

/* The headers that let the page's script see the answer. */
static void admit_origin(struct response *response, const char *origin)
{
    response_header(response, "access-control-allow-origin", origin);
    response_header(response, "access-control-expose-headers", "x-request-id, retry-after, traceresponse");
}

static void answer_preflight(struct connection *connection)
{
    struct response *response = connection_response(connection);
    response->status = 204;
    response->content_type = NULL;
    response_header(response, "access-control-allow-methods", "GET, HEAD, POST, DELETE");
    response_header(response, "access-control-allow-headers",
                    "accept, authorization, content-type, prefer, traceparent, x-request-id");
    response_header(response, "access-control-max-age", "600");
    connection_answer(connection);
}

bool guard_admits(struct connection *connection)
{
    const struct config *config = connection_server(connection)->config;
    const struct http_request *request = connection_request(connection);
    struct response *response = connection_response(connection);
    const bool preflight = request->method == HTTP_OPTIONS && request->asks_method[0] != '\0';

    if (!host_admitted(config, request->host))
        return refuse_host(connection);
    if (config->cors_origins[0] != '\0')
        response_header(response, "vary", "origin");
    if (request->origin[0] == '\0')
        return true;
    if (list_has(config->cors_origins, request->origin)) {
        admit_origin(response, request->origin);
    } else if (preflight || (may_change_something(request->method) && !same_origin(request))) {
        refuse(connection, 403, REJECTED_ORIGIN, "Requests from pages of this origin are not accepted (setting cors-origins)");
        return false;
    }
    if (preflight)
        answer_preflight(connection);
    return !preflight;
}

bool guard_knows(struct connection *connection)
{
    struct keys *keys = connection_server(connection)->keys;
    struct http_request *request = connection_request(connection);
    struct response *response = connection_response(connection);
    const bool tried = request->authorization[0] != '\0';

    connection_set_key(connection, keys->required ? NULL : &keys->nobody);
    if (!keys->required)
        return true;
    struct api_key *key = keys->loaded ? keys_find(keys, request->authorization) : NULL;
    if (key != NULL) {
        strcpy(request->key_name, key->entry.name);
        connection_set_key(connection, key);
        return true;
    }
    if (!keys->loaded) {
        response_header(response, "retry-after", "1");
        refuse(connection, 503, REJECTED_KEY, "The keys are not read yet");
        return false;
    }
    response_header(response, "www-authenticate", tried ? "Bearer error=\"invalid_token\"" : "Bearer");
    refuse(connection, 401, REJECTED_KEY, tried ? "This key is not known" : "A key is needed: Authorization: Bearer KEY");
    return false;
}
