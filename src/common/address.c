/* address.c: see address.h. Trusts the settings. */
#include "common/address.h"

#include <string.h>

enum { HOST_MAX = 256 };

static int split(const char *address, char host[HOST_MAX], const char **port, struct error *err)
{
    const char *colon = strrchr(address, ':');
    size_t n = colon != NULL ? (size_t)(colon - address) : 0;
    if (colon == NULL || colon[1] == '\0' || n >= HOST_MAX)
        return error_set(err, 0, "listen: \"%.200s\" is no address; give HOST:PORT, such as 127.0.0.1:8000", address);
    const char *start = address;
    if (n >= 2 && address[0] == '[' && address[n - 1] == ']') {
        start++;
        n -= 2;
    }
    memcpy(host, start, n);
    host[n] = '\0';
    *port = colon + 1;
    return 0;
}

struct addrinfo *address_find(const char *address, bool to_connect, struct error *err)
{
    char host[HOST_MAX];
    const char *port = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | (to_connect ? 0 : AI_PASSIVE)}, *found;

    if (split(address, host, &port, err) != 0)
        return NULL;
    if (to_connect && strcmp(host, "0.0.0.0") == 0)
        strcpy(host, "127.0.0.1");
    if (to_connect && strcmp(host, "::") == 0)
        strcpy(host, "::1");
    int r = getaddrinfo(host[0] != '\0' ? host : NULL, port, &hints, &found);
    if (r != 0) {
        error_set(err, 0, "%s: %s", address, gai_strerror(r));
        return NULL;
    }
    return found;
}
