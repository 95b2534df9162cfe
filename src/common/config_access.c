/* config_access.c: see config_access.h. */
#include "common/config_access.h"

#include <arpa/inet.h>
#include <string.h>

static const char LOWER[] = "abcdefghijklmnopqrstuvwxyz", UPPER[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", MORE[] = "0123456789.-_";

static bool is_name(const char *word, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (strchr(LOWER, word[i]) == NULL && strchr(UPPER, word[i]) == NULL && strchr(MORE, word[i]) == NULL)
            return false;
    return size > 0;
}

/* scheme://name or scheme://name:port, as a browser sends it: nothing behind. */
static bool is_origin(const char *word, size_t size)
{
    size_t scheme = strspn(word, LOWER);
    if (scheme == 0 || size < scheme + 4 || strncmp(word + scheme, "://", 3) != 0)
        return false;
    const char *host = word + scheme + 3;
    return strcspn(host, "/?#@, ") == size - scheme - 3;
}

/* Every word of a list separated by commas. */
static int check_list(const char *setting, const char *list, bool (*fits)(const char *, size_t), const char *right, struct error *err)
{
    for (const char *p = list; *p != '\0';) {
        p += strspn(p, ", ");
        size_t size = strcspn(p, ", ");
        if (size > 0 && !(size == 1 && *p == '*') && !fits(p, size))
            return error_set(err, 0, "%s: \"%.*s\" is not %s", setting, (int)(size < 200 ? size : 200), p, right);
        p += size;
    }
    return 0;
}

int config_check_access(const struct config *config, struct error *err)
{
    if (check_list("allowed-hosts", config->allowed_hosts, is_name, "a name, such as py.example.com, without scheme and port", err) != 0)
        return -1;
    return check_list("cors-origins", config->cors_origins, is_origin, "an origin, such as https://app.example.com", err);
}

/* Whether HOST:PORT can be reached from this machine alone. */
static bool is_loopback(const char *listen)
{
    char host[64];
    struct in6_addr six;
    struct in_addr four;
    const bool bracketed = listen[0] == '[';
    const size_t size = bracketed ? strcspn(listen, "]") - 1 : strcspn(listen, ":");

    if (size >= sizeof host)
        return false;
    memcpy(host, listen + bracketed, size);
    host[size] = '\0';
    if (inet_pton(AF_INET, host, &four) == 1)
        return ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET;
    if (inet_pton(AF_INET6, host, &six) == 1)
        return IN6_IS_ADDR_LOOPBACK(&six);
    return strcmp(host, "localhost") == 0;
}

int config_check_exposure(const struct config *config, struct error *err)
{
    if (config->keys_file[0] != '\0' || config->insecure_no_keys || is_loopback(config->listen))
        return 0;
    return error_set(err, 0,
                     "listen %s: without keys, whoever reaches this address could run code; set keys-file, or listen on "
                     "127.0.0.1, or say insecure-no-keys",
                     config->listen);
}
