/* cgroup_files.c: see cgroup_files.h. */
#include "broker/cgroup_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *const cgroup_needed[CGROUP_NEEDED_COUNT] = {"memory", "pids", "cpu", "cpuacct"};

bool cgroup_has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; (p = strstr(p, word)) != NULL; p += n)
        if ((p == list || p[-1] == ',' || p[-1] == ' ') && (p[n] == '\0' || p[n] == ',' || p[n] == ' ' || p[n] == '\n'))
            return true;
    return false;
}

bool cgroup_is_needed(const char *list, size_t size)
{
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)size, list);
    for (size_t i = 0; i < CGROUP_NEEDED_COUNT; i++)
        if (cgroup_has_word(text, cgroup_needed[i]))
            return true;
    return false;
}

const struct cgroup_hierarchy *cgroup_hierarchy_of(const struct cgroup_tree *tree, const char *controller)
{
    for (int i = 0; i < tree->count; i++)
        if (tree->version == 2 || cgroup_has_word(tree->hierarchies[i].controllers, controller))
            return &tree->hierarchies[i];
    return NULL;
}

int cgroup_write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = write(fd, text, strlen(text));
    int saved = errno;
    close(fd);
    errno = saved;
    return n < 0 ? -1 : 0;
}

int cgroup_read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, text, size - 1);
    int saved = errno;
    close(fd);
    errno = saved;
    if (n < 0)
        return -1;
    text[n] = '\0';
    return 0;
}
