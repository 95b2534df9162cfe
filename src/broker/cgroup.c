/* cgroup.c: see cgroup.h. The two versions differ in names of files and in where a controller lives; one table of
 * counters and one of limits covers both. */
#include "broker/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The counters: which file, by version, and how it is opened. */
enum counter { MEMORY_PEAK, MEMORY_EVENTS, MEMORY_FAILURES, PIDS_CURRENT, PIDS_EVENTS, PIDS_PEAK, CPU_TOTAL, CPU_USER, CPU_SYSTEM, END };
static const struct {
    const char *controller, *v1, *v2;
    int flags;
    bool required;
} counters[CGROUP_FILES_MAX] = {
    [MEMORY_PEAK] = {"memory", "memory.max_usage_in_bytes", "memory.peak", O_RDWR, false},
    [MEMORY_EVENTS] = {"memory", "memory.oom_control", "memory.events", O_RDONLY, true},
    [MEMORY_FAILURES] = {"memory", "memory.failcnt", NULL, O_RDONLY, false},
    [PIDS_CURRENT] = {"pids", "pids.current", "pids.current", O_RDONLY, true},
    [PIDS_EVENTS] = {"pids", "pids.events", "pids.events", O_RDONLY, true},
    [PIDS_PEAK] = {"pids", "pids.peak", "pids.peak", O_RDONLY, false}, /* Linux 6.1 */
    [CPU_TOTAL] = {"cpuacct", "cpuacct.usage", "cpu.stat", O_RDONLY, true},
    [CPU_USER] = {"cpuacct", "cpuacct.usage_user", NULL, O_RDONLY, false},
    [CPU_SYSTEM] = {"cpuacct", "cpuacct.usage_sys", NULL, O_RDONLY, false},
    [END] = {"pids", "pids.max", "cgroup.kill", O_WRONLY, false}, /* see cgroup_kill(); cgroup.kill: Linux 5.14 */
};

enum { LEFTOVER_WAITS = 200, LEFTOVER_WAIT_US = 5000 };

#define LEAF "hatchery-service" /* see make_room() */

static const char *const needed[] = {"memory", "pids", "cpu", "cpuacct"};

static bool has_word(const char *list, const char *word)
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
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (has_word(text, needed[i]))
            return true;
    return false;
}

static const struct cgroup_hierarchy *hierarchy_of(const struct cgroup_tree *tree, const char *controller)
{
    for (int i = 0; i < tree->count; i++)
        if (tree->version == 2 || has_word(tree->hierarchies[i].controllers, controller))
            return &tree->hierarchies[i];
    return NULL;
}

static int write_text(const char *path, const char *text)
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

static int read_text(const char *path, char *text, size_t size)
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

/* --- finding the hierarchies ------------------------------------------------------------------------------- */

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
        if (controllers[0] == '\0' ? list[0] == '\0' : has_word(list, controllers)) {
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
        for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
            if (strcmp(type, "cgroup") == 0 && has_word(options, needed[i]) && hierarchy_of(tree, needed[i]) == NULL)
                snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s", found[0] ? "," : "", needed[i]);
        if (found[0] != '\0')
            add_hierarchy(tree, found, root, point);
    }
    free(line);
    fclose(file);
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (hierarchy_of(tree, needed[i]) == NULL)
            return error_set(err, 0, "cgroup: no %s controller is mounted below " CGROUP_MOUNT "; mount it, or boot with cgroup v2", needed[i]);
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
            int failed = pid == 0 ? EPERM /* of another pid namespace */ : write_text(target, text) != 0 ? errno : 0;
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
    if (access(leaf, F_OK) == 0 && write_text(path, "-memory -pids -cpu") == 0 && move_all(leaf, base, &err) == 0)
        rmdir(leaf);
}

static int enable_controllers(const struct cgroup_tree *tree, struct error *err)
{
    char path[PATH_MAX + 64], have[512];
    const char *base = tree->hierarchies[0].base;

    if (make_room(base, err) != 0)
        return -1;
    snprintf(path, sizeof path, "%s/cgroup.subtree_control", base);
    if (write_text(path, "+memory +pids +cpu") != 0)
        return error_set(err, errno, "cgroup: cannot give the memory, pids and cpu controllers to groups below %s (needs root, or delegation: systemd's Delegate=yes)", base);
    snprintf(path, sizeof path, "%s/%s/cgroup.subtree_control", base, tree->name);
    if (write_text(path, "+memory +pids +cpu") != 0 || read_text(path, have, sizeof have) != 0)
        return error_set(err, errno, "cgroup: %s", path);
    for (size_t i = 0; i < 3; i++)
        if (!has_word(have, needed[i]))
            return error_set(err, 0, "cgroup: the %s controller is missing in %s", needed[i], path);
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
    return read_text(path, name, sizeof name) == 0 && strncmp(name, "hatchery", 8) == 0;
}

/* Is it the child of a service that lives? The one that the group is named after may live in another pid namespace. */
static bool is_served(int pid)
{
    char path[64], text[256];
    int parent;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    const char *end = read_text(path, text, sizeof text) == 0 ? strrchr(text, ')') : NULL;
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

/* --- one slot's group ------------------------------------------------------------------------------------------ */

static void group_path(const struct cgroup_tree *tree, const struct cgroup_hierarchy *h, uint32_t index, const char *file,
                       char *path, size_t size)
{
    snprintf(path, size, "%s/%s/%u%s%s", h->base, tree->name, index, file[0] != '\0' ? "/" : "", file);
}

/* Writes a limit and reads it back. A file that does not exist is no error where it is optional. */
static int set_limit(const struct cgroup_tree *tree, uint32_t index, const char *controller, const char *file,
                     const char *value, bool optional, struct error *err)
{
    char path[PATH_MAX + 64], have[128];
    group_path(tree, hierarchy_of(tree, controller), index, file, path, sizeof path);
    if (write_text(path, value) != 0) {
        if (optional && errno == ENOENT)
            return 0;
        return error_set(err, errno, "cgroup: cannot set %s to %s", path, value);
    }
    if (read_text(path, have, sizeof have) != 0)
        return error_set(err, errno, "cgroup: cannot read %s back", path);
    have[strcspn(have, "\n")] = '\0';
    if (strcmp(have, value) != 0)
        return error_set(err, 0, "cgroup: %s is %s after it was set to %s", path, have, value);
    return 0;
}

static bool host_swaps(void)
{
    char text[512];
    if (read_text("/proc/swaps", text, sizeof text) != 0)
        return true; /* unknown is yes */
    const char *second = strchr(text, '\n');
    return second != NULL && second[1] != '\0';
}

static int set_memory(const struct cgroup_tree *tree, uint32_t index, uint64_t bytes, struct error *err)
{
    const bool swap_optional = !host_swaps();
    char memory[32];
    /* The kernel counts whole pages. */
    snprintf(memory, sizeof memory, "%llu", (unsigned long long)(bytes / 4096 * 4096));
    if (tree->version == 2)
        return set_limit(tree, index, "", "memory.max", memory, false, err);
    return set_limit(tree, index, "memory", "memory.limit_in_bytes", memory, false, err) != 0 ||
                   set_limit(tree, index, "memory", "memory.memsw.limit_in_bytes", memory, swap_optional, err) != 0
               ? -1
               : 0;
}

static int set_processes(const struct cgroup_tree *tree, uint32_t index, uint32_t processes, struct error *err)
{
    char pids[32];
    snprintf(pids, sizeof pids, "%u", processes + CGROUP_OWN_PROCESSES);
    return set_limit(tree, index, tree->version == 2 ? "" : "pids", "pids.max", pids, false, err);
}

static int set_limits(const struct cgroup_tree *tree, uint32_t index, const struct cgroup_limits *limits, struct error *err)
{
    char cpu[64];
    const long period = 100000; /* microseconds */

    if (set_memory(tree, index, limits->memory, err) != 0 || set_processes(tree, index, limits->processes, err) != 0)
        return -1;
    if (tree->version == 2) {
        snprintf(cpu, sizeof cpu, "%ld %ld", (long)(limits->cpus * period), period);
        return set_limit(tree, index, "", "memory.swap.max", "0", !host_swaps(), err) != 0 ||
                       set_limit(tree, index, "", "memory.oom.group", "1", false, err) != 0 ||
                       set_limit(tree, index, "", "cpu.max", cpu, false, err) != 0
                   ? -1
                   : 0;
    }
    snprintf(cpu, sizeof cpu, "%ld", (long)(limits->cpus * period));
    return set_limit(tree, index, "cpu", "cpu.cfs_period_us", "100000", false, err) != 0 ||
                   set_limit(tree, index, "cpu", "cpu.cfs_quota_us", cpu, false, err) != 0
               ? -1
               : 0;
}

static int open_counters(struct cgroup *cgroup, struct error *err)
{
    for (int i = 0; i < CGROUP_FILES_MAX; i++)
        cgroup->files[i] = -1;
    for (int i = 0; i < CGROUP_FILES_MAX; i++) {
        const char *file = cgroup->tree->version == 2 ? counters[i].v2 : counters[i].v1;
        const struct cgroup_hierarchy *h =
            counters[i].controller != NULL ? hierarchy_of(cgroup->tree, counters[i].controller) : NULL;
        char path[PATH_MAX + 64];
        if (file == NULL || h == NULL)
            continue;
        group_path(cgroup->tree, h, cgroup->index, file, path, sizeof path);
        cgroup->files[i] = open(path, counters[i].flags | O_CLOEXEC);
        if (cgroup->files[i] < 0 && i == MEMORY_PEAK) /* writable from Linux 6.12 */
            cgroup->files[i] = open(path, O_RDONLY | O_CLOEXEC);
        if (cgroup->files[i] < 0 && counters[i].required)
            return error_set(err, errno, "cgroup: %s", path);
    }
    return 0;
}

/* v1 kills one process and lets its siblings be: the broker has to hear of it to end the run. */
static int watch_oom(struct cgroup *cgroup, struct error *err)
{
    char path[PATH_MAX + 64], text[32];
    if (cgroup->tree->version == 2)
        return 0;
    cgroup->oom_event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (cgroup->oom_event < 0)
        return error_set(err, errno, "eventfd");
    group_path(cgroup->tree, hierarchy_of(cgroup->tree, "memory"), cgroup->index, "cgroup.event_control", path, sizeof path);
    snprintf(text, sizeof text, "%d %d", cgroup->oom_event, cgroup->files[MEMORY_EVENTS]);
    return write_text(path, text) == 0 ? 0 : error_set(err, errno, "cgroup: %s", path);
}

int cgroup_create(const struct cgroup_tree *tree, uint32_t index, const struct cgroup_limits *limits,
                  struct cgroup *cgroup, struct error *err)
{
    char path[PATH_MAX + 64];
    *cgroup = (struct cgroup){.tree = tree, .index = index, .oom_event = -1};
    for (int i = 0; i < CGROUP_FILES_MAX; i++)
        cgroup->files[i] = -1;
    for (int i = 0; i < tree->count; i++) {
        group_path(tree, &tree->hierarchies[i], index, "", path, sizeof path);
        if (mkdir(path, 0755) != 0 && errno != EEXIST) {
            error_set(err, errno, "cgroup: cannot make %s", path);
            goto fail;
        }
        /* v1: a thread that moves itself does not take the kernel's lock on all cgroups, which waits for milliseconds when
         * nobody took it shortly before; who moves in has one thread. */
        group_path(tree, &tree->hierarchies[i], index, tree->version == 1 ? "tasks" : "cgroup.procs", path, sizeof path);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0) {
            error_set(err, errno, "cgroup: %s", path);
            goto fail;
        }
        cgroup->procs[cgroup->procs_count++] = fd;
    }
    if (set_limits(tree, index, limits, err) == 0 && open_counters(cgroup, err) == 0 && watch_oom(cgroup, err) == 0)
        return 0;
fail:
    cgroup_destroy(cgroup);
    return -1;
}

int cgroup_lower(const struct cgroup *cgroup, uint64_t memory, uint32_t processes, struct error *err)
{
    if (memory > 0 && set_memory(cgroup->tree, cgroup->index, memory, err) != 0)
        return -1;
    return processes > 0 ? set_processes(cgroup->tree, cgroup->index, processes, err) : 0;
}

int cgroup_destroy(struct cgroup *cgroup)
{
    int r = 0;
    for (int i = 0; i < cgroup->procs_count; i++)
        close(cgroup->procs[i]);
    cgroup->procs_count = 0;
    if (cgroup->oom_event >= 0)
        close(cgroup->oom_event);
    cgroup->oom_event = -1;
    for (int i = 0; i < CGROUP_FILES_MAX; i++) {
        if (cgroup->files[i] >= 0)
            close(cgroup->files[i]);
        cgroup->files[i] = -1;
    }
    for (int i = 0; i < cgroup->tree->count; i++) {
        char path[PATH_MAX + 64];
        group_path(cgroup->tree, &cgroup->tree->hierarchies[i], cgroup->index, "", path, sizeof path);
        if (rmdir(path) != 0 && errno != ENOENT)
            r = -1;
    }
    return r;
}

/* Reads a small file from its beginning; "" where there is none. */
static const char *slurp(const struct cgroup *cgroup, enum counter counter, char *text, size_t size)
{
    ssize_t n = cgroup->files[counter] >= 0 ? pread(cgroup->files[counter], text, size - 1, 0) : 0;
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static uint64_t number(const struct cgroup *cgroup, enum counter counter)
{
    char text[64];
    return strtoull(slurp(cgroup, counter, text, sizeof text), NULL, 10);
}

/* The number behind "key " at the start of a line; 0 where the key is not there. */
static uint64_t keyed(const char *text, const char *key)
{
    size_t n = strlen(key);
    for (const char *line = text; *line != '\0'; line += *line == '\n') {
        if (strncmp(line, key, n) == 0 && line[n] == ' ')
            return strtoull(line + n + 1, NULL, 10);
        line += strcspn(line, "\n");
    }
    return 0;
}

uint64_t cgroup_oom_kills(const struct cgroup *cgroup)
{
    char text[2048];
    return keyed(slurp(cgroup, MEMORY_EVENTS, text, sizeof text), "oom_kill");
}

int cgroup_population(const struct cgroup *cgroup)
{
    char text[32];
    slurp(cgroup, PIDS_CURRENT, text, sizeof text);
    if (text[0] == '\0') {
        errno = EIO;
        return -1;
    }
    return atoi(text);
}

int cgroup_read_cpu(const struct cgroup *cgroup, struct cgroup_usage *usage)
{
    char text[2048];
    slurp(cgroup, CPU_TOTAL, text, sizeof text);
    if (text[0] == '\0') {
        errno = EIO;
        return -1;
    }
    if (cgroup->tree->version == 2) {
        usage->cpu_ns = keyed(text, "usage_usec") * 1000;
        usage->cpu_user_ns = keyed(text, "user_usec") * 1000;
        usage->cpu_system_ns = keyed(text, "system_usec") * 1000;
    } else {
        usage->cpu_ns = strtoull(text, NULL, 10);
        usage->cpu_user_ns = number(cgroup, CPU_USER);
        usage->cpu_system_ns = number(cgroup, CPU_SYSTEM);
    }
    return 0;
}

int cgroup_read(const struct cgroup *cgroup, struct cgroup_usage *usage)
{
    char text[2048];
    slurp(cgroup, MEMORY_EVENTS, text, sizeof text);
    if (text[0] == '\0') {
        errno = EIO;
        return -1;
    }
    usage->oom_kills = keyed(text, "oom_kill");
    usage->memory_refused = cgroup->tree->version == 2 ? keyed(text, "max") : number(cgroup, MEMORY_FAILURES);
    usage->memory_peak = number(cgroup, MEMORY_PEAK);
    uint64_t peak = number(cgroup, PIDS_PEAK); /* 0 where the kernel has none */
    usage->processes_peak = (uint32_t)(peak > CGROUP_OWN_PROCESSES ? peak - CGROUP_OWN_PROCESSES : 0);
    usage->processes_refused = keyed(slurp(cgroup, PIDS_EVENTS, text, sizeof text), "max");
    return cgroup_read_cpu(cgroup, usage);
}

bool cgroup_rearm(const struct cgroup *cgroup)
{
    char text[2048];
    if (cgroup->spent)
        return false;
    slurp(cgroup, MEMORY_EVENTS, text, sizeof text);
    if (text[0] == '\0' || keyed(text, "oom_kill") != 0 || keyed(text, "max") != 0 /* v2 */ ||
        number(cgroup, MEMORY_FAILURES) != 0 /* v1 */ || number(cgroup, PIDS_PEAK) > CGROUP_OWN_PROCESSES + 1 /* a program of one thread */ ||
        keyed(slurp(cgroup, PIDS_EVENTS, text, sizeof text), "max") != 0)
        return false;
    return cgroup_reset_peak(cgroup); /* v2: from Linux 6.12 */
}

bool cgroup_reset_peak(const struct cgroup *cgroup)
{
    return cgroup->files[MEMORY_PEAK] >= 0 && pwrite(cgroup->files[MEMORY_PEAK], "0", 1, 0) == 1;
}

bool cgroup_kill(struct cgroup *cgroup)
{
    const bool kills = cgroup->tree->version == 2;
    cgroup->spent = true;
    return cgroup->files[END] >= 0 && write(cgroup->files[END], kills ? "1" : "0", 1) == 1 && kills;
}
