/* replaced.c: whether files that an interpreter runs from are others by now: what upgrades the interpreter, a library or a package
 * writes a new file in the old one's place. Its C code is then old and what it has yet to import is new, until a new zygote takes over.
 * Runs in the broker. */
#include "broker/core.h"

#include <stdio.h>
#include <string.h>

enum { LINE_MAX_BYTES = 4608, EVERY_TICKS = 5 };

/* What programs do not see replaced: memory without a name, and ours, which the tree holds as it was. */
static bool counts(const char *path)
{
    static const char *const others[] = {"/memfd:", "/dev/", "/SYSV", "/.hatchery/"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strncmp(path, others[i], strlen(others[i])) == 0)
            return false;
    return true;
}

/* Which of them, as one number; 0: none. */
static uint64_t replaced_files(pid_t pid)
{
    static const char deleted[] = " (deleted)\n";
    enum { FNV_PRIME = 16777619 };
    char name[32], line[LINE_MAX_BYTES];
    uint64_t all = 0;
    unsigned long inode;
    int path;
    snprintf(name, sizeof name, "/proc/%d/maps", pid);
    FILE *file = fopen(name, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const size_t size = strlen(line);
        if (size > sizeof deleted && strcmp(line + size - (sizeof deleted - 1), deleted) == 0 &&
            sscanf(line, "%*s %*s %*s %*s %lu %n", &inode, &path) == 1 && counts(line + path))
            all = (all ^ inode) * FNV_PRIME;
    }
    if (file != NULL)
        fclose(file);
    return all;
}

/* The same ones again, of the next zygote, are such as every one has: the tree shows them as they were. */
static bool is_news(pid_t pid, uint64_t *before)
{
    const uint64_t replaced = replaced_files(pid);
    const bool news = replaced != 0 && replaced != *before;
    if (replaced != 0)
        *before = replaced;
    return news;
}

void replaced_look(struct environment *env, uint64_t now)
{
    if (++env->looks % EVERY_TICKS != 0)
        return;
    if (is_news(env->zygote.pid, &env->zygote_replaced))
        rotation_wanted(env, now, "files");
    for (uint32_t set = 1; set <= SETS_MAX; set++)
        if (set_is_warm(env, set) && is_news(env->sets[set].zygote.pid, &env->sets[set].replaced))
            sets_want_rotation(env, &env->sets[set], now);
}
