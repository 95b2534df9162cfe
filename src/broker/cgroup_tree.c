/* cgroup_tree.c: cgroup_tree_open() and cgroup_tree_close(): which hierarchies there are, where in them the service's own group
 * goes, and what dead services have left there. Runs in the broker, as root; what /proc and the folders say is the kernel's. */
#include "broker/cgroup_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { LEFTOVER_WAITS = 200, LEFTOVER_WAIT_US = 5000 };

#define LEAF "hatchery-service" /* see make_room() */

/* Path of our own group in the hierarchy with these controllers, from /proc/self/cgroup lines "4:memory:/path". */
static int own_path(const char *controllers, char *path, size_t size)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    char line[PATH_MAX + 128];
    int r = -1;
    while (file != NULL && r != 0 && fgets(line, sizeof line, file) != NULL) {
        char *list = strchr(line, ':');
        char *own = list != NULL ? strchr(list + 1, ':') : NULL;
        if (own == NULL)
            continue;
        *own++ = '\0';
        own[strcspn(own, "\n")] = '\0';
        list++;
        if (controllers[0] == '\0' ? list[0] == '\0' : cgroup_has_word(list, controllers)) {
            snprintf(path, size, "%s", own);
            r = 0;
        }
    }
    if (file != NULL)
        fclose(file);
    return r;
}

/* Adds the hierarchy that is mounted at `point` with `root` (a path in it) as the mount's root. */
static void add_hierarchy(struct cgroup_tree *tree, const char *controllers, const char *root, const char *point)
{
    char own[PATH_MAX];
    char first[64];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(controllers, ","), controllers);
    if (tree->count == CGROUP_HIERARCHIES_MAX || own_path(first, own, sizeof own) != 0)
        return;
    /* In a container the mount's root is the container's group already. */
    const char *below = own;
    size_t n = strlen(root);
    if (n > 1 && strncmp(own, root, n) == 0)
        below = own + n;
    else if (n > 1)
        below = "";
    struct cgroup_hierarchy *h = &tree->hierarchies[tree->count];
    snprintf(h->controllers, sizeof h->controllers, "%s", controllers);
    if ((size_t)snprintf(h->base, sizeof h->base, "%s%s", point, strcmp(below, "/") == 0 ? "" : below) >= sizeof h->base)
        return;
    tree->count++;
}

/* A container's own mounts are below those of cgroup_mount_fresh(), but still in the list. */
static bool is_covered(int mount_id, const char *point)
{
    struct statx now;
    return statx(AT_FDCWD, point, 0, STATX_MNT_ID, &now) != 0 || (now.stx_mask & STATX_MNT_ID && now.stx_mnt_id != (uint64_t)mount_id);
}

static int find_v1(struct cgroup_tree *tree, struct error *err)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t size = 0;
    if (file == NULL)
        return error_set(err, errno, "cgroup: /proc/self/mountinfo");
    while (getline(&line, &size, file) > 0) {
        char root[1024], point[1024], type[64], options[1024];
        int id;
        const char *dash = strstr(line, " - ");
        if (dash == NULL || sscanf(line, "%d %*s %*s %1023s %1023s", &id, root, point) != 3 ||
            sscanf(dash, " - %63s %*s %1023s", type, options) != 2 || strncmp(type, "cgroup", 6) != 0 || is_covered(id, point))
            continue;
        char found[64] = "";
        for (size_t i = 0; i < CGROUP_NEEDED_COUNT; i++)
            if (strcmp(type, "cgroup") == 0 && cgroup_has_word(options, cgroup_needed[i]) && cgroup_hierarchy_of(tree, cgroup_needed[i]) == NULL)
                snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s", found[0] ? "," : "", cgroup_needed[i]);
        if (found[0] != '\0')
            add_hierarchy(tree, found, root, point);
    }
    free(line);
    fclose(file);
    for (size_t i = 0; i < CGROUP_NEEDED_COUNT; i++)
        if (cgroup_hierarchy_of(tree, cgroup_needed[i]) == NULL)
            return error_set(err, 0, "cgroup: no %s controller is mounted below " CGROUP_MOUNT "; mount it, or boot with cgroup v2", cgroup_needed[i]);
    return 0;
}

static int find(struct cgroup_tree *tree, struct error *err)
{
    struct statfs fs;
    if (statfs(CGROUP_MOUNT, &fs) != 0)
        return error_set(err, errno, "cgroup: " CGROUP_MOUNT);
    tree->version = fs.f_type == CGROUP2_SUPER_MAGIC ? 2 : 1;
    if (tree->version == 1)
        return find_v1(tree, err);
    add_hierarchy(tree, "", "/", CGROUP_MOUNT);
    return tree->count == 1 ? 0 : error_set(err, 0, "cgroup: /proc/self/cgroup does not name our own group");
}

/* --- v2: a group with processes of its own cannot give controllers to groups below it ------------------------- */

static bool is_root_group(const char *base)
{
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/cgroup.type", base); /* every group but the root has it */
    return access(path, F_OK) != 0;
}

/* Are we alone in the group? Then it was made for us: by systemd, or by a container engine. */
static bool is_ours(const char *base, bool with_parent)
{
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/cgroup.procs", base);
    FILE *file = fopen(path, "re");
    bool ours = file != NULL;
    int pid;
    while (ours && fscanf(file, "%d", &pid) == 1)
        ours = pid == getpid() || (with_parent && pid == getppid()) || pid == 1; /* 1: a container's init; it comes along */
    if (file != NULL)
        fclose(file);
    return ours;
}

/* In somebody's session, which must not be disturbed, the service's group goes to the top of what is mounted, which root
 * may do. In a container that top has processes, too, but all of them are the container's. */
static void choose_base(struct cgroup_hierarchy *h, bool with_parent)
{
    char *name = strrchr(h->base, '/');
    if (with_parent && name != NULL && strcmp(name + 1, LEAF) == 0)
        *name = '\0'; /* the generation before this one, or one that died, has made room */
    else if (!is_root_group(h->base) && !is_ours(h->base, with_parent))
        strcpy(h->base, CGROUP_MOUNT);
}

/* Moves every process of one group into another. */
static int move_all(const char *from, const char *to, struct error *err)
{
    char source[PATH_MAX + 64], target[PATH_MAX + 64], text[16];
    int pid, moved;
    snprintf(source, sizeof source, "%s/cgroup.procs", from);
    snprintf(target, sizeof target, "%s/cgroup.procs", to);
    do { /* again, as processes fork meanwhile */
        moved = 0;
        FILE *file = fopen(source, "re");
        if (file == NULL)
            return error_set(err, errno, "cgroup: %s", source);
        for (; fscanf(file, "%d", &pid) == 1; moved++) {
            snprintf(text, sizeof text, "%d", pid);
            int failed = pid == 0 ? EPERM /* of another pid namespace */ : cgroup_write_text(target, text) != 0 ? errno : 0;
            if (failed != 0 && failed != ESRCH) {
                fclose(file);
                return error_set(err, failed, "cgroup: cannot move process %d from %s into %s", pid, from, to);
            }
        }
        fclose(file);
    } while (moved > 0);
    return 0;
}

/* The base's processes into a leaf of it: not where it is the hierarchy's root, which alone may have both. */
static int make_room(const char *base, struct error *err)
{
    char leaf[PATH_MAX + 32];
    if (is_root_group(base))
        return 0;
    snprintf(leaf, sizeof leaf, "%s/" LEAF, base);
    if (mkdir(leaf, 0755) != 0 && errno != EEXIST)
        return error_set(err, errno, "cgroup: cannot make %s", leaf);
    return move_all(base, leaf, err);
}

/* And back, when the service ends: whoever made the group finds it as it was. While another service has groups in it, the
 * kernel refuses to take the controllers away; that service then does it. */
static void restore_room(const char *base)
{
    char leaf[PATH_MAX + 32], path[PATH_MAX + 64];
    struct error err;
    snprintf(leaf, sizeof leaf, "%s/" LEAF, base);
    snprintf(path, sizeof path, "%s/cgroup.subtree_control", base);
    if (access(leaf, F_OK) == 0 && cgroup_write_text(path, "-memory -pids -cpu") == 0 && move_all(leaf, base, &err) == 0)
        rmdir(leaf);
}

static int enable_controllers(const struct cgroup_tree *tree, struct error *err)
{
    char path[PATH_MAX + 64], have[512];
    const char *base = tree->hierarchies[0].base;

    if (make_room(base, err) != 0)
        return -1;
    snprintf(path, sizeof path, "%s/cgroup.subtree_control", base);
    if (cgroup_write_text(path, "+memory +pids +cpu") != 0)
        return error_set(err, errno, "cgroup: cannot give the memory, pids and cpu controllers to groups below %s (needs root, or delegation: systemd's Delegate=yes)", base);
    snprintf(path, sizeof path, "%s/%s/cgroup.subtree_control", base, tree->name);
    if (cgroup_write_text(path, "+memory +pids +cpu") != 0 || cgroup_read_text(path, have, sizeof have) != 0)
        return error_set(err, errno, "cgroup: %s", path);
    for (size_t i = 0; i < 3; i++)
        if (!cgroup_has_word(have, cgroup_needed[i]))
            return error_set(err, 0, "cgroup: the %s controller is missing in %s", cgroup_needed[i], path);
    return 0;
}

/* --- the service's own group ---------------------------------------------------------------------------------- */

static void remove_groups(const char *dir)
{
    DIR *stream = opendir(dir);
    for (struct dirent *entry; stream != NULL && (entry = readdir(stream)) != NULL;) {
        char path[PATH_MAX];
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
            (size_t)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name) < sizeof path)
            remove_groups(path);
    }
    if (stream != NULL)
        closedir(stream);
    rmdir(dir);
}

static bool is_named_hatchery(int pid)
{
    char path[64], name[32];
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    return cgroup_read_text(path, name, sizeof name) == 0 && strncmp(name, "hatchery", 8) == 0;
}

/* Is it the child of a service that lives? The one that the group is named after may live in another pid namespace. */
static bool is_served(int pid)
{
    char path[64], text[256];
    int parent;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    const char *end = cgroup_read_text(path, text, sizeof text) == 0 ? strrchr(text, ')') : NULL;
    return end != NULL && sscanf(end + 1, " %*c %d", &parent) == 1 && (parent == 0 || is_named_hatchery(parent));
}

/* A service holds a lock on its group: that is seen from every pid namespace, and ends with it. The open group, or -1 with
 * EWOULDBLOCK when another one holds it. */
static int lock_group(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

enum members { MEMBERS_NONE, MEMBERS_KILLED, MEMBERS_OF_SOMEBODY };

static enum members kill_listed(const char *procs)
{
    enum members found = MEMBERS_NONE;
    FILE *file = fopen(procs, "re");
    int pid;
    while (file != NULL && found != MEMBERS_OF_SOMEBODY && fscanf(file, "%d", &pid) == 1) {
        if (pid == 0 || is_served(pid))
            found = MEMBERS_OF_SOMEBODY;
        else if (kill(pid, SIGKILL) == 0)
            found = MEMBERS_KILLED;
    }
    if (file != NULL)
        fclose(file);
    return found;
}

/* Kills what lives in a group and those below it, unless it belongs to somebody. */
static enum members kill_members(const char *dir)
{
    DIR *stream = opendir(dir);
    enum members found = MEMBERS_NONE;
    for (struct dirent *entry; stream != NULL && found != MEMBERS_OF_SOMEBODY && (entry = readdir(stream)) != NULL;) {
        char path[PATH_MAX];
        if (entry->d_name[0] == '.' || (size_t)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name) >= sizeof path)
            continue;
        const enum members here = entry->d_type == DT_DIR                        ? kill_members(path)
                                  : strcmp(entry->d_name, "cgroup.procs") == 0 ? kill_listed(path)
                                                                                 : MEMBERS_NONE;
        found = here > found ? here : found;
    }
    if (stream != NULL)
        closedir(stream);
    return found;
}

/* Removes groups "hatchery-PID" of services that are no more. Their processes are dying, or have nobody who ends them. */
static void remove_leftovers(const char *base)
{
    DIR *stream = opendir(base);
    for (struct dirent *entry; stream != NULL && (entry = readdir(stream)) != NULL;) {
        int pid, end = 0;
        char path[PATH_MAX];
        if (sscanf(entry->d_name, "hatchery-%d%n", &pid, &end) != 1 || entry->d_name[end] != '\0' || pid == getpid() ||
            is_named_hatchery(pid) || (size_t)snprintf(path, sizeof path, "%s/%s", base, entry->d_name) >= sizeof path)
            continue;
        int lock = lock_group(path);
        if (lock < 0)
            continue;
        enum members members;
        for (int i = 0; (members = kill_members(path)) == MEMBERS_KILLED && i < LEFTOVER_WAITS; i++)
            usleep(LEFTOVER_WAIT_US);
        if (members != MEMBERS_OF_SOMEBODY)
            remove_groups(path);
        close(lock);
    }
    if (stream != NULL)
        closedir(stream);
}

int cgroup_tree_open(struct cgroup_tree *tree, bool with_parent, struct error *err)
{
    memset(tree, 0, sizeof *tree);
    for (int i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
        tree->locks[i] = -1;
    snprintf(tree->name, sizeof tree->name, "hatchery-%d", (int)getpid());
    if (find(tree, err) != 0)
        return -1;
    if (tree->version == 2)
        choose_base(&tree->hierarchies[0], with_parent);
    for (int i = 0; i < tree->count; i++) {
        char path[PATH_MAX + 64];
        remove_leftovers(tree->hierarchies[i].base);
        snprintf(path, sizeof path, "%s/%s", tree->hierarchies[i].base, tree->name);
        if (mkdir(path, 0755) != 0 && errno != EEXIST) {
            error_set(err, errno, "cgroup: cannot make %s (the service needs a writable cgroup: run it as root, or with systemd's Delegate=yes)", path);
            cgroup_tree_close(tree);
            return -1;
        }
        tree->locks[i] = lock_group(path);
        if (tree->locks[i] < 0) {
            error_set(err, errno, "cgroup: %s belongs to another service", path);
            cgroup_tree_close(tree);
            return -1;
        }
    }
    if (tree->version == 2 && enable_controllers(tree, err) != 0) {
        cgroup_tree_close(tree);
        return -1;
    }
    return 0;
}

void cgroup_tree_close(struct cgroup_tree *tree)
{
    for (int i = 0; i < tree->count; i++) {
        char path[PATH_MAX + 64];
        snprintf(path, sizeof path, "%s/%s", tree->hierarchies[i].base, tree->name);
        if (tree->locks[i] < 0) /* not made by us */
            continue;
        remove_groups(path);
        close(tree->locks[i]);
        tree->locks[i] = -1;
    }
    if (tree->version == 2)
        restore_room(tree->hierarchies[0].base);
}
