/* access_log.c: see access_log.h. Runs in the front; what a client sent is escaped by the log. */
#include "front/access_log.h"

#include "common/log.h"

#include <string.h>

enum { PATH_LOGGED = 200 };

static void client_address(const uv_tcp_t *client, char text[INET6_ADDRSTRLEN])
{
    struct sockaddr_storage address;
    int size = sizeof address;

    strcpy(text, "?");
    if (uv_tcp_getpeername(client, (struct sockaddr *)&address, &size) == 0)
        uv_ip_name((const struct sockaddr *)&address, text, INET6_ADDRSTRLEN);
}

void access_log(const uv_tcp_t *client, const struct http_request *request, int status, uint64_t received_ns, uint64_t bytes)
{
    char address[INET6_ADDRSTRLEN], path[PATH_LOGGED + 1];
    size_t size = 0;

    client_address(client, address);
    while (size < PATH_LOGGED && size < request->url.size && request->url.data[size] != '?') /* a query may hold secrets */
        size++;
    if (size > 0)
        memcpy(path, request->url.data, size);
    path[size] = '\0';
    log_event(LOG_INFO, "request", LOG_S("id", request->request_id), LOG_S("client", address),
              LOG_S("method", request->method_name), LOG_S("path", path), LOG_I("status", status),
              LOG_T("took", (double)(uv_hrtime() - received_ns) / 1e9), LOG_I("bytes", (int64_t)bytes),
              LOG_OPT("key", request->key_name), LOG_OPT("trace", request->trace.id), LOG_OPT("span", request->trace.span));
}
