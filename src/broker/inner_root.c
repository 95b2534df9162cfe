/* inner_root.c: see inner_root.h. Runs once, at the start, as a container's root or as a plain user; trusts whoever made the
 * container or the account.
 *
 * A user namespace may be made by anybody, but only a process outside of it may map more than one id into it: a child
 * stays behind for that. Root is mapped to who we are, so that what belongs to us, the cgroups above all, belongs to root
 * inside. A container's root writes the map itself, which needs CAP_SETFCAP for root's id (Linux 5.12); a plain user has
 * newuidmap(1) do it. Nobody else is mapped but ids that nobody has, so our capabilities, which count in the namespace
 * alone, do not reach other users' files. */
#include "broker/inner_root.h"
#include "broker/cgroup.h"
#include "broker/subordinate_ids.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static bool proc_masked;

#define WHAT_A_CONTAINER_NEEDS "see \"docker run\" in docs/deployment.md"

static bool has_capability(int capability)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    return syscall(SYS_capget, &head, data) == 0 && (data[capability / 32].effective & 1u << (capability % 32)) != 0;
}

static int check_capabilities(struct error *err)
{
    static const struct {
        int number;
        const char *name;
    } needed[] = {{CAP_SETUID, "SETUID"}, {CAP_SETGID, "SETGID"}, {CAP_SETFCAP, "SETFCAP"}};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!has_capability(needed[i].number))
            return error_set(err, 0,
                             "has neither CAP_SYS_ADMIN nor CAP_%s; a container needs --cap-add SETUID --cap-add SETGID "
                             "--cap-add SETFCAP; " WHAT_A_CONTAINER_NEEDS, needed[i].name);
    return 0;
}

static int map_as_root(pid_t pid, const struct config *config, struct error *err)
{
    static const char *const files[] = {"gid_map", "uid_map"};
    char path[64], map[128];
    int size = snprintf(map, sizeof map, "0 0 1\n%lld %lld %d\n", (long long)config->first_uid, (long long)config->first_uid, INNER_ROOT_IDS);
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, files[i]);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, map, (size_t)size) != size)
            return error_set(err, errno, "cannot map root and the sandboxes' ids (first-uid) into a user namespace; " WHAT_A_CONTAINER_NEEDS);
        close(fd);
    }
    return 0;
}

/* In the child that stays outside, when the parent is in. */
static _Noreturn void map_from_outside(pid_t parent, int barrier, const struct config *config, struct error *shared)
{
    char byte;
    if (read(barrier, &byte, 1) != 1)
        _exit(1);
    int r = geteuid() == 0 ? map_as_root(parent, config, shared) : subordinate_ids_map(parent, (uint32_t)config->first_uid, INNER_ROOT_IDS, shared);
    _exit(r == 0 ? 0 : 1);
}

static int make_namespaces(struct error *err)
{
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP) == 0)
        return 0;
    return error_set(err, errno, "cannot make a user namespace (is user.max_user_namespaces 0, or does AppArmor refuse it? A container needs a "
                                 "seccomp profile that allows unshare and mount: packaging/docker/seccomp.json, and \"docker run\" in docs/deployment.md)");
}

static int enter(const struct config *config, struct error *err)
{
    int barrier[2], status = -1, r = -1;
    struct error *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return error_set(err, errno, "mmap");
    if (pipe2(barrier, O_CLOEXEC) != 0) {
        error_set(err, errno, "pipe");
        goto unmap;
    }
    const pid_t self = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        close(barrier[1]);
        map_from_outside(self, barrier[0], config, shared);
    }
    close(barrier[0]);
    if (pid < 0)
        error_set(err, errno, "fork");
    else if (make_namespaces(err) == 0)
        r = write(barrier[1], "", 1) == 1 ? 0 : error_set(err, errno, "user namespace: the helper is gone");
    close(barrier[1]);
    if (pid > 0 && waitpid(pid, &status, 0) == pid && status != 0 && r == 0) {
        *err = *shared;
        r = -1;
    }
unmap:
    munmap(shared, sizeof *shared);
    return r;
}

/* The user's other groups are not mapped, but would still open what belongs to them. */
static int drop_groups(struct error *err)
{
    return setgroups(0, NULL) == 0 ? 0 : error_set(err, errno, "cannot drop supplementary groups");
}

bool inner_root_proc_is_masked(void)
{
    return proc_masked;
}

void inner_root_told(bool masked)
{
    proc_masked = masked;
}

/* Tries it, in a pid and mount namespace that end with the attempt. */
static bool can_mount_proc(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        pid_t first = unshare(CLONE_NEWPID | CLONE_NEWNS) == 0 ? fork() : -1;
        if (first == 0)
            _exit(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "subset=pid") == 0 ? 0 : 1);
        _exit(first > 0 && waitpid(first, &status, 0) == first && status == 0 ? 0 : 1);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

bool inner_root_is_needed(const struct config *config)
{
    return geteuid() != 0 ? config->rootless : !has_capability(CAP_SYS_ADMIN);
}

int inner_root(const struct config *config, struct error *err)
{
    const bool plain_user = geteuid() != 0;
    if (!inner_root_is_needed(config))
        return 0;
    if ((!plain_user && check_capabilities(err) != 0) || enter(config, err) != 0 || (plain_user && drop_groups(err) != 0))
        return -1;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return error_set(err, errno, "cannot mount in a user namespace (does an AppArmor profile such as docker-default refuse it?); see docs/deployment.md");
    proc_masked = !can_mount_proc();
    return cgroup_mount_fresh(err);
}
