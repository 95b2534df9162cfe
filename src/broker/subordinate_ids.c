/* subordinate_ids.c: see subordinate_ids.h. Runs at the start, in a child of a broker that a plain user has started; the files
 * are root's, and what is read from them is only a request: newuidmap(1) decides. */
#include "broker/subordinate_ids.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct user {
    char name[256], id[16];
};

static void who_am_i(struct user *user)
{
    const struct passwd *entry = getpwuid(getuid());
    snprintf(user->name, sizeof user->name, "%s", entry != NULL ? entry->pw_name : ""); // cppcheck-suppress ctuuninitvar ; it is filled here
    snprintf(user->id, sizeof user->id, "%u", (unsigned)getuid());
}

/* "name:start:count", where the name may be a number: is it the user's, and does it have `count` ids? */
static bool is_range_of(const struct user *user, char *line, uint32_t count, uint32_t *start)
{
    uint32_t has;
    char *rest = strchr(line, ':');
    if (rest == NULL)
        return false;
    *rest++ = '\0';
    return (strcmp(line, user->name) == 0 || strcmp(line, user->id) == 0) && sscanf(rest, "%" SCNu32 ":%" SCNu32, start, &has) == 2 &&
           has >= count;
}

static int find(const char *path, uint32_t count, uint32_t *start, struct error *err)
{
    struct user user;
    char *line = NULL;
    size_t size = 0;
    bool found = false;
    who_am_i(&user);
    FILE *file = fopen(path, "re");
    while (file != NULL && !found && getline(&line, &size, file) > 0)
        found = is_range_of(&user, line, count, start);
    free(line);
    if (file != NULL)
        fclose(file);
    return found ? 0
                 : error_set(err, 0, "%s sets aside no range of %" PRIu32 " ids for user %s; as root: usermod --add-subuids 200000-265535 --add-subgids "
                                     "200000-265535 %s", path, count, user.id, user.name[0] != '\0' ? user.name : "NAME");
}

static int map(const char *program, const char *file, pid_t pid, unsigned own, uint32_t first, uint32_t count, struct error *err)
{
    char text[5][16];
    uint32_t start = 0;
    int status;
    pid_t child;
    if (find(file, count, &start, err) != 0)
        return -1;
    const unsigned numbers[] = {(unsigned)pid, own, first, start, count};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        snprintf(text[i], sizeof text[i], "%u", numbers[i]);
    char *argv[] = {(char *)program, text[0], "0", text[1], "1", text[2], text[3], text[4], NULL};
    int failed = posix_spawnp(&child, program, NULL, NULL, argv, environ);
    if (failed != 0)
        return error_set(err, failed, "%s, of the package uidmap", program);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return status == 0 ? 0 : error_set(err, 0, "%s has refused the ids of %s; what it said stands above", program, file);
}

int subordinate_ids_map(pid_t pid, uint32_t first, uint32_t count, struct error *err)
{
    return map("newgidmap", "/etc/subgid", pid, (unsigned)getgid(), first, count, err) == 0 &&
                   map("newuidmap", "/etc/subuid", pid, (unsigned)getuid(), first, count, err) == 0
               ? 0 : -1;
}
