/* control.c: see control.h. Who asks proves nothing but its user id, which the kernel tells; what it asks for is one of two words. */
#include "supervisor/control.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 16, ASK_SECONDS = 2, ANSWER_SECONDS = 600 };

/* Its size; 0: the address is too long for a name. */
static socklen_t name_of(const char *listen, struct sockaddr_un *name)
{
    const char prefix[] = "hatchery/";
    const size_t size = strlen(listen);
    *name = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (size + sizeof prefix > sizeof name->sun_path)
        return 0;
    memcpy(name->sun_path + 1, prefix, sizeof prefix - 1);
    memcpy(name->sun_path + sizeof prefix, listen, size);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof prefix + size);
}

static bool is_trusted(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

int control_open(const char *listen_address, struct error *err)
{
    struct sockaddr_un name;
    const socklen_t size = name_of(listen_address, &name);
    if (size == 0)
        return error_set(err, 0, "the address is too long");
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&name, size) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    error_set(err, errno, "its socket");
    if (fd >= 0)
        close(fd);
    return -1;
}

int control_accept(int control, bool *binary)
{
    const struct timeval patience = {.tv_sec = ASK_SECONDS};
    char line[CONTROL_LINE_MAX];
    int fd = accept4(control, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = is_trusted(fd) && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0
                    ? recv(fd, line, sizeof line - 1, 0)
                    : -1;
    line[n > 0 ? n : 0] = '\0';
    *binary = strcmp(line, "binary") == 0;
    if (*binary || strcmp(line, "reload") == 0)
        return fd;
    close(fd);
    return -1;
}

void control_answer(int client, bool ok, const char *text)
{
    char line[CONTROL_LINE_MAX];
    const int n = snprintf(line, sizeof line, "%s %s", ok ? "ok" : "failed", text);
    const size_t size = n < (int)sizeof line ? (size_t)n : sizeof line - 1;
    if (send(client, line, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        line[0] = '\0'; /* it did not wait for the answer */
    close(client);
}

static int ask(int fd, bool binary, char text[CONTROL_LINE_MAX])
{
    const struct timeval patience = {.tv_sec = ANSWER_SECONDS};
    const char *word = binary ? "binary" : "reload";
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 || send(fd, word, strlen(word), MSG_NOSIGNAL) < 0)
        return -1;
    ssize_t n = recv(fd, text, CONTROL_LINE_MAX - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return n < 0 ? -1 : 0;
}

int control_ask(const char *listen_address, bool binary, char text[CONTROL_LINE_MAX], struct error *err)
{
    struct sockaddr_un name;
    const socklen_t size = name_of(listen_address, &name);
    int fd = size > 0 ? socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0) : -1;
    int r = fd >= 0 ? connect(fd, (struct sockaddr *)&name, size) : -1;
    if (r != 0)
        error_set(err, 0, "no service that listens on %s runs here; give --listen as it has it", listen_address);
    else if (!is_trusted(fd))
        r = error_set(err, 0, "who answers for %s is not the service", listen_address);
    else if ((r = ask(fd, binary, text)) != 0)
        error_set(err, errno, "the service that listens on %s", listen_address);
    if (fd >= 0)
        close(fd);
    if (r != 0)
        return -1;
    char *rest = strchr(text, ' ');
    if (strncmp(text, "ok ", 3) == 0 && rest != NULL) {
        memmove(text, rest + 1, strlen(rest));
        return 0;
    }
    return error_set(err, 0, "%s", rest != NULL ? rest + 1 : "the service gave no answer: did it end, or not believe that this is root?");
}
