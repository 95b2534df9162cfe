/* listener.c: see listener.h. */
#include "supervisor/listener.h"

#include "common/address.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

int listener_open(const char *address, struct error *err)
{
    struct addrinfo *found = address_find(address, false, err);
    if (found == NULL)
        return -1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int one = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        error_set(err, errno, "listen %s", address);
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}
