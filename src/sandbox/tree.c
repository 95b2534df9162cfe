/* tree.c: see tree.h. What is in the tree, and nothing else: /usr (with its /bin and /lib links), the few files of
 * /etc that a libc reads, five devices, an empty /proc of the host's that each sandbox covers with its own, mount
 * points for the writable folders. Everything is read-only, without devices and set-id bits. Small
 * files are copies: their mounts would tell programs where they are on the host.
 *
 * Sources are cloned before anything is mounted, as detached mounts (open_tree(2)), so that a mount of ours never
 * hides one. */
#include "sandbox/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* glibc 2.36 declares these; the kernel's header beside <sys/mount.h> would clash on older ones. */
enum { SOURCES_MAX = 48, STAGING_MODE = 0755 };
static const char *const staging_dirs[] = {"/mnt", "/media", "/srv", "/run", "/tmp"};

struct source {
    const char *path; /* on the host and in the tree */
    const char *from; /* on the host, where it differs */
    bool required;
    bool writable; /* keep it writable (devices, /proc): their own permissions decide */
    bool copy;     /* a file: its content is copied */
    int mount;     /* the detached clone, or the file to copy; -1: there is none */
    bool is_dir;
};

static const struct source fixed[] = {
    {.path = "/usr", .required = true},
    {.path = "/bin"},
    {.path = "/sbin"},
    {.path = "/lib"},
    {.path = "/lib32"},
    {.path = "/lib64"},
    {.path = "/libx32"},
    {.path = "/etc/ld.so.cache", .copy = true},
    {.path = "/etc/alternatives"}, /* Debian's BLAS is found through it */
    {.path = "/etc/localtime", .copy = true},
    {.path = "/etc/mime.types", .copy = true},
    {.path = "/etc/fonts"},
    {.path = "/etc/matplotlibrc", .copy = true}, /* Debian's matplotlib cannot be imported without it */
    {.path = "/dev/null", .required = true, .writable = true},
    {.path = "/dev/zero", .required = true, .writable = true},
    {.path = "/dev/full", .required = true, .writable = true},
    {.path = "/dev/random", .required = true, .writable = true},
    {.path = "/dev/urandom", .required = true, .writable = true},
    {.path = "/proc", .required = true, .writable = true},
};

static const struct {
    const char *path, *text;
} synthetic[] = {
    {"etc/passwd", "root:x:0:0:root:/root:/usr/sbin/nologin\nsandbox:x:1000:1000:sandbox:" TREE_WORK ":/bin/sh\n"},
    {"etc/group", "root:x:0:\nsandbox:x:1000:\n"},
    {"etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n"},
    {"etc/hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n"},
    {"etc/host.conf", "multi on\n"},
};

static const struct {
    const char *path, *target;
} links[] = {{"dev/fd", "/proc/self/fd"},
             {"dev/stdin", "/proc/self/fd/0"},
             {"dev/stdout", "/proc/self/fd/1"},
             {"dev/stderr", "/proc/self/fd/2"}};

static const char *const folders[] = {"dev/shm", "tmp", "sandbox", "root", "var/tmp"};

static int make_parents(int root, const char *path)
{
    char part[PATH_MAX];
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        size_t n = (size_t)(slash - path);
        if (n >= sizeof part) {
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(part, path, n);
        part[n] = '\0';
        if (mkdirat(root, part, STAGING_MODE) != 0 && errno != EEXIST)
            return -1;
    }
    return 0;
}

static int make_file(int root, const char *path, const char *text)
{
    int fd = openat(root, path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -1;
    size_t size = strlen(text);
    ssize_t n = write(fd, text, size);
    close(fd);
    return n == (ssize_t)size ? 0 : -1;
}

static int copy_file(int root, const char *path, int from)
{
    char buffer[65536];
    int fd = openat(root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    ssize_t n;
    if (fd < 0)
        return -1;
    while ((n = read(from, buffer, sizeof buffer)) > 0)
        if (write(fd, buffer, (size_t)n) != n) {
            n = -1;
            break;
        }
    close(fd);
    return (int)n;
}

/* Clones one source, or, where it is a symbolic link (a merged /usr), leaves it to place(). */
static int clone_source(struct source *source, struct error *err)
{
    const char *from = source->from != NULL ? source->from : source->path;
    struct stat st;
    source->mount = -1;
    if (lstat(from, &st) != 0)
        return source->required ? error_set(err, errno, "sandbox tree: %s", from) : 0;
    if (S_ISLNK(st.st_mode) && source->from == NULL)
        return 0;
    if (stat(from, &st) != 0)
        return error_set(err, errno, "sandbox tree: %s", from);
    source->is_dir = S_ISDIR(st.st_mode);
    if (source->copy) {
        source->mount = open(from, O_RDONLY | O_CLOEXEC);
        return source->mount >= 0 ? 0 : error_set(err, errno, "sandbox tree: cannot read %s", from);
    }
    source->mount = (int)syscall(SYS_open_tree, AT_FDCWD, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (source->mount < 0)
        return error_set(err, errno, "sandbox tree: cannot clone the mount of %s", from);
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID, .propagation = MS_PRIVATE};
    if (strncmp(source->path, "/dev/", 5) != 0)
        attr.attr_set |= MOUNT_ATTR_NODEV;
    else
        attr.attr_set |= MOUNT_ATTR_NOEXEC;
    if (!source->writable)
        attr.attr_set |= MOUNT_ATTR_RDONLY;
    if (syscall(SYS_mount_setattr, source->mount, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) != 0)
        return error_set(err, errno, "sandbox tree: cannot make %s read-only", from);
    return 0;
}

static int place_link(int root, const struct source *source)
{
    char target[PATH_MAX];
    ssize_t n = readlink(source->path, target, sizeof target - 1);
    if (n < 0)
        return errno == ENOENT ? 0 : -1; /* an optional source that is not there */
    target[n] = '\0';
    return symlinkat(target, root, source->path + 1) == 0 || errno == EEXIST ? 0 : -1;
}

static int place(int root, const struct source *source, struct error *err)
{
    const char *inside = source->path + 1;
    if (make_parents(root, inside) != 0)
        return error_set(err, errno, "sandbox tree: folders of %s", source->path);
    if (source->mount < 0) {
        if (place_link(root, source) != 0)
            return error_set(err, errno, "sandbox tree: link %s", source->path);
        return 0;
    }
    if (source->copy) {
        if (copy_file(root, inside, source->mount) != 0)
            return error_set(err, errno, "sandbox tree: copy of %s", source->path);
        close(source->mount);
        return 0;
    }
    int r = source->is_dir ? mkdirat(root, inside, STAGING_MODE) : make_file(root, inside, "");
    /* Below a read-only mount that is already placed the folder exists, or cannot be made. */
    if (r != 0 && errno != EEXIST)
        return error_set(err, errno, "sandbox tree: mount point %s", source->path);
    if (syscall(SYS_move_mount, source->mount, "", root, inside, MOVE_MOUNT_F_EMPTY_PATH) != 0)
        return error_set(err, errno, "sandbox tree: mount %s", source->path);
    close(source->mount);
    return 0;
}

static int fill(int root, struct source *sources, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (place(root, &sources[i], err) != 0)
            return -1;
    for (size_t i = 0; i < sizeof synthetic / sizeof synthetic[0]; i++)
        if (make_file(root, synthetic[i].path, synthetic[i].text) != 0)
            return error_set(err, errno, "sandbox tree: %s", synthetic[i].path);
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
        if (symlinkat(links[i].target, root, links[i].path) != 0)
            return error_set(err, errno, "sandbox tree: %s", links[i].path);
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        if (make_parents(root, folders[i]) != 0 || (mkdirat(root, folders[i], STAGING_MODE) != 0 && errno != EEXIST))
            return error_set(err, errno, "sandbox tree: %s", folders[i]);
    return 0;
}

static int stage(struct error *err)
{
    for (size_t i = 0; i < sizeof staging_dirs / sizeof staging_dirs[0]; i++)
        if (mount("hatchery", staging_dirs[i], "tmpfs", MS_NOSUID | MS_NODEV, "size=16m,nr_inodes=512,mode=0755") == 0) {
            int root = open(staging_dirs[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
            return root >= 0 ? root : error_set(err, errno, "sandbox tree: open %s", staging_dirs[i]);
        } else if (errno != ENOENT && errno != ENOTDIR) {
            return error_set(err, errno, "sandbox tree: mount a tmpfs on %s", staging_dirs[i]);
        }
    return error_set(err, ENOENT, "sandbox tree: none of /mnt, /media, /srv, /run, /tmp to mount on");
}

static int become_root(int root, struct error *err)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
    if (syscall(SYS_mount_setattr, root, "", AT_EMPTY_PATH, &attr, sizeof attr) != 0)
        return error_set(err, errno, "sandbox tree: cannot make the root read-only");
    if (fchdir(root) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
        return error_set(err, errno, "sandbox tree: pivot_root");
    char cwd[PATH_MAX];
    if (getcwd(cwd, sizeof cwd) == NULL || strcmp(cwd, "/") != 0) /* "(unreachable)": CVE-2024-21626's class */
        return error_set(err, EPERM, "sandbox tree: the working folder is not the new root");
    return 0;
}

int tree_enter(const struct tree *tree, struct error *err)
{
    struct source sources[SOURCES_MAX];
    size_t count = sizeof fixed / sizeof fixed[0];

    if (count + 1 + tree->path_count > SOURCES_MAX)
        return error_set(err, 0, "sandbox tree: the interpreter needs too many paths (%zu)", tree->path_count);
    memcpy(sources, fixed, sizeof fixed);
    sources[count++] = (struct source){.path = TREE_EXTENSION, .from = tree->extension, .required = true, .copy = true};
    for (size_t i = 0; i < tree->path_count; i++)
        sources[count++] = (struct source){.path = tree->paths[i], .from = tree->paths[i], .required = true};

    umask(022);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return error_set(err, errno, "sandbox tree: cannot make mounts private");
    for (size_t i = 0; i < count; i++)
        if (clone_source(&sources[i], err) != 0)
            return -1;
    int root = stage(err);
    if (root < 0)
        return -1;
    int r = fill(root, sources, count, err);
    if (r == 0)
        r = become_root(root, err);
    close(root);
    return r;
}
