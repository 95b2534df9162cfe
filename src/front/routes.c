/* routes.c: finds the route of a request, FastAPI's manners included: 404, 405 with Allow, a redirect for a slash too
 * many. Runs in the front. */
#include "front/routes.h"

#include "front/assets.h"
#include "front/connection.h"
#include "front/execute.h"
#include "front/guard.h"
#include "front/metrics.h"
#include "front/pool.h"
#include "front/info.h"

#include <stdlib.h>
#include <string.h>

#define PLAYGROUND "/playground"

enum {
    PATH_MAX_LENGTH = 256, /* no route is longer */
    VERSION_LENGTH = 8,    /* of a hash, in the address of a page's part */
};

/* Nothing comes from elsewhere and no script stands in a page. */
static const char CONTENT_SECURITY_POLICY[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/* What others wrote puts styles into its pages, and ReDoc searches in a worker made from a blob. */
static const char DOCUMENTATION_SECURITY_POLICY[] =
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self' data:; worker-src blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

static void get_health(struct connection *connection)
{
    response_json(connection_response(connection), 200, "{\"status\":\"healthy\"}");
    connection_answer(connection);
}

static void get_ready(struct connection *connection)
{
    struct response *response = connection_response(connection);
    const char *why = pool_unready(connection_server(connection)->pool);
    if (why == NULL) {
        response_json(response, 200, "{\"status\":\"ready\"}");
    } else {
        response->status = 503;
        buffer_format(&response->body, "{\"status\":\"not ready\",\"detail\":\"%s\"}", why);
    }
    response_header(response, "cache-control", "no-store");
    connection_answer(connection);
}

static void get_openapi(struct connection *connection)
{
    struct response *response = connection_response(connection);
    response->static_body = connection_server(connection)->openapi;
    response->static_size = connection_server(connection)->openapi_size;
    connection_answer(connection);
}

static void get_info(struct connection *connection)
{
    const struct server *server = connection_server(connection);
    info_write(&connection_response(connection)->body, server->config, server->environments, server->isolation);
    connection_answer(connection);
}

static void redirect(struct connection *connection, const char *location)
{
    struct response *response = connection_response(connection);
    response->status = 307;
    response->content_type = NULL;
    response_header(response, "location", location);
    connection_answer(connection);
}

/* Whether a path is PAGE or below it. */
static bool is_part_of(const char *path, const char *page)
{
    const size_t length = strlen(page);
    return strncmp(path, page, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static bool is_documentation(const struct asset *asset)
{
    return is_part_of(asset->path, "/docs") || is_part_of(asset->path, "/redoc");
}

/* Whether the query is the beginning of the hash that the ETag has: a page names its parts so (web/bundle.mjs). */
static bool names_version(const struct buffer *url, const struct asset *asset)
{
    const char *query = memchr(url->data, '?', url->size);
    return query != NULL && (size_t)(url->data + url->size - query) == 1 + VERSION_LENGTH &&
           memcmp(query + 1, asset->etag + 1, VERSION_LENGTH) == 0;
}

/* A page itself is asked for anew each time (an ETag answers), so that what it names is of the same version. */
static const char *cache_control(const struct buffer *url, const struct asset *asset)
{
    if (strchr(asset->path, '.') == NULL)
        return "no-cache";
    return names_version(url, asset) ? "public, max-age=31536000, immutable" : "public, max-age=3600";
}

static void get_asset(struct connection *connection, const struct asset *asset)
{
    const struct http_request *request = connection_request(connection);
    struct response *response = connection_response(connection);

    response_header(response, "etag", asset->etag);
    response_header(response, "cache-control", cache_control(&request->url, asset));
    response_header(response, "vary", "accept-encoding");
    response_header(response, "content-security-policy",
                    is_documentation(asset) ? DOCUMENTATION_SECURITY_POLICY : CONTENT_SECURITY_POLICY);
    response_header(response, "x-content-type-options", "nosniff");
    response_header(response, "referrer-policy", "no-referrer");
    response->content_type = asset->content_type;
    if (strstr(request->if_none_match, asset->etag) != NULL) {
        response->status = 304;
        response->content_type = NULL;
    } else if (request->accepts_gzip) {
        response_header(response, "content-encoding", "gzip");
        response->static_body = asset->gzip;
        response->static_size = asset->gzip_size;
    } else {
        unsigned char *plain = asset_inflate(asset);
        buffer_append(&response->body, plain, plain != NULL ? asset->size : 0);
        free(plain);
    }
    connection_answer(connection);
}

static void get_root(struct connection *connection)
{
    static const char page[] = PLAYGROUND;
    if (connection_server(connection)->config->playground)
        get_asset(connection, asset_find(page, strlen(page)));
    else
        redirect(connection, "/docs");
}

static const struct route {
    const char *path;
    enum llhttp_method method; /* HTTP_GET stands for HEAD, too */
    void (*handle)(struct connection *connection);
    void (*handle_below)(struct connection *connection, const char *name); /* of PATH/NAME */
    bool needs_key; /* where keys are configured */
} routes[] = {
    {"/execute", HTTP_POST, execute_request, .needs_key = true},
    {"/health", HTTP_GET, get_health},
    {"/info", HTTP_GET, get_info, .needs_key = true},
    {"/metrics", HTTP_GET, metrics_request, .needs_key = true},
    {"/openapi.json", HTTP_GET, get_openapi},
    {"/ready", HTTP_GET, get_ready},
    {"/", HTTP_GET, get_root},
    {"/runs/", HTTP_DELETE, .handle_below = cancel_request, .needs_key = true},
};

static bool find(const struct config *config, const char *path, size_t size, const struct route **route, const struct asset **asset)
{
    *route = NULL;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        size_t length = strlen(routes[i].path);
        bool fits = routes[i].handle != NULL ? size == length : size > length && memchr(path + length, '/', size - length) == NULL;
        if (fits && memcmp(routes[i].path, path, length) == 0)
            *route = &routes[i];
    }
    *asset = *route == NULL ? asset_find(path, size) : NULL;
    if (*asset != NULL && is_part_of((*asset)->path, PLAYGROUND) && !config->playground)
        *asset = NULL;
    return *route != NULL || *asset != NULL;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

/* The path of a URL, %XX decoded. Returns its length; PATH_MAX_LENGTH means longer than any route. */
static size_t decode_path(const struct buffer *url, char *path)
{
    size_t size = 0;
    for (size_t i = 0; i < url->size && url->data[i] != '?' && url->data[i] != '#' && size < PATH_MAX_LENGTH;
         i++) {
        char c = url->data[i];
        if (c == '%' && i + 2 < url->size && hex_digit(url->data[i + 1]) >= 0 &&
            hex_digit(url->data[i + 2]) >= 0) {
            c = (char)(hex_digit(url->data[i + 1]) * 16 + hex_digit(url->data[i + 2]));
            i += 2;
        }
        path[size++] = c;
    }
    return size;
}

static bool method_fits(uint8_t method, enum llhttp_method wanted)
{
    return method == wanted || (wanted == HTTP_GET && method == HTTP_HEAD);
}

/* What every answer says of its request; then whether the request comes from where it may. False: it is answered. */
static bool begin(struct connection *connection)
{
    struct http_request *request = connection_request(connection);
    struct response *response = connection_response(connection);
    if (!request_id_valid(request->request_id))
        request_id_make(request->request_id);
    response_header(response, "x-request-id", request->request_id);
    trace_read(request->traceparent, &request->trace);
    if (request->trace.id[0] != '\0') {
        char text[TRACEPARENT_SIZE + 1];
        trace_response(&request->trace, text);
        response_header(response, "traceresponse", text);
    }
    return guard_admits(connection);
}

/* No path takes a body without a key, where keys are configured. */
bool route_admits_body(struct connection *connection)
{
    return begin(connection) && guard_knows(connection);
}

void route_request(struct connection *connection)
{
    struct http_request *request = connection_request(connection);
    struct response *response = connection_response(connection);
    const struct config *config = connection_server(connection)->config;
    const struct route *route;
    const struct asset *asset;
    char path[PATH_MAX_LENGTH + 1];
    size_t size = decode_path(&request->url, path);

    path[size] = '\0';
    if (!begin(connection))
        return;
    if (find(config, path, size, &route, &asset)) {
        enum llhttp_method wanted = route != NULL ? route->method : HTTP_GET;
        if (!method_fits(request->method, wanted)) {
            response_header(response, "allow", wanted == HTTP_GET ? "GET, HEAD" : llhttp_method_name(wanted));
            response_json(response, 405, "{\"detail\":\"Method Not Allowed\"}");
            connection_answer(connection);
        } else if (route != NULL && route->needs_key && !guard_knows(connection)) {
            return; /* answered */
        } else if (route != NULL && route->handle_below != NULL) {
            route->handle_below(connection, path + strlen(route->path));
        } else if (route != NULL) {
            route->handle(connection);
        } else {
            get_asset(connection, asset);
        }
    } else if (size > 2 && path[size - 1] == '/' && find(config, path, size - 1, &route, &asset) &&
               (route == NULL || route->handle != NULL)) {
        redirect(connection, route != NULL ? route->path : asset->path);
    } else {
        response_json(response, 404, "{\"detail\":\"Not Found\"}");
        connection_answer(connection);
    }
}
