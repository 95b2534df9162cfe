/* real_root.c: see real_root.h. Runs once, at the start, as root; trusts whoever made the chroot.
 *
 * unshare(CLONE_NEWUSER) is refused to a process whose root is not its mount namespace's root. Joining the mount namespace
 * that we are in sets our root to the namespace's; from there the chroot's folder becomes the root of a new one. */
#include "broker/real_root.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int join_own_mount_namespace(void)
{
    int ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    int result = ns >= 0 ? setns(ns, CLONE_NEWNS) : -1;
    if (ns >= 0)
        close(ns);
    return result;
}

static bool same_place(const struct statx *a, const struct statx *b)
{
    return a->stx_ino == b->stx_ino && a->stx_dev_major == b->stx_dev_major &&
           a->stx_dev_minor == b->stx_dev_minor && a->stx_mnt_id == b->stx_mnt_id;
}

/* Looks from a child, whose root may change. */
static bool is_chrooted(void)
{
    enum { REAL = 0, CHROOTED = 1 };
    pid_t pid = fork();
    if (pid == 0) {
        struct statx before, after;
        const unsigned wanted = STATX_INO | STATX_MNT_ID;
        if (statx(AT_FDCWD, "/", 0, wanted, &before) != 0 || join_own_mount_namespace() != 0 ||
            statx(AT_FDCWD, "/", 0, wanted, &after) != 0)
            _exit(REAL);
        _exit(same_place(&before, &after) ? REAL : CHROOTED);
    }
    int status;
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == CHROOTED;
}

/* From the namespace's root, with the chroot's folder as working folder. */
static int pivot_into_working_folder(void)
{
    char path[PATH_MAX];
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        getcwd(path, sizeof path) == NULL || mount(path, path, NULL, MS_BIND | MS_REC, NULL) != 0 ||
        chdir(path) != 0)
        return -1;
    /* the old root lands on top of the new one, and is taken off */
    return syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0 ? -1 : 0;
}

int real_root(char **argv, struct error *err)
{
    char working[PATH_MAX], self[PATH_MAX];
    if (geteuid() != 0 || !is_chrooted())
        return 0;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (n > 0 && root >= 0 && getcwd(working, sizeof working) != NULL && join_own_mount_namespace() == 0 &&
        fchdir(root) == 0 && pivot_into_working_folder() == 0 && chdir(working) == 0) {
        self[n] = '\0';
        execv(self, argv); /* so that our own mapping, too, is of the new root */
    }
    return error_set(err, errno, "this is a chroot, and it could not be made a real root");
}
