/* inner_root.c: see inner_root.h. Runs once, at the start, as a container's root; trusts the container's maker.
 *
 * A user namespace may be made by anybody, but only a process outside of it may map more than one id into it: a child
 * stays behind for that. Root is mapped to root, so that what belongs to the container's root, its cgroups above all,
 * belongs to us; mapping root needs CAP_SETFCAP (Linux 5.12). Nobody else of the container is mapped, so our
 * capabilities, which count in the namespace alone, do not reach other users' files. */
#include "broker/inner_root.h"
#include "broker/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The front's id and two for each slot (SLOTS_MAX in broker.c), rounded up. */
enum { MAPPED_IDS = 8192 };

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

/* Runs in the child that stays outside. 0, or an errno. */
static int map_ids(pid_t pid, const struct config *config)
{
    static const char *const files[] = {"gid_map", "uid_map"};
    char path[64], map[128];
    int size = snprintf(map, sizeof map, "0 0 1\n%lld %lld %d\n", (long long)config->first_uid, (long long)config->first_uid, MAPPED_IDS);
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, files[i]);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, map, (size_t)size) != size)
            return errno;
        close(fd);
    }
    return 0;
}

static int enter(const struct config *config, struct error *err)
{
    int barrier[2], status;
    if (pipe2(barrier, O_CLOEXEC) != 0)
        return error_set(err, errno, "pipe");
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(barrier[1]);
        _exit(read(barrier[0], &byte, 1) == 1 ? map_ids(getppid(), config) : ECANCELED);
    }
    close(barrier[0]);
    int failed = pid < 0 ? errno : 0;
    const char *step = "fork";
    if (failed == 0) {
        step = "make a user namespace (a container needs a seccomp profile that allows unshare and mount: packaging/docker/seccomp.json)";
        failed = unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP) == 0 && write(barrier[1], "", 1) == 1 ? 0 : errno;
    }
    close(barrier[1]);
    if (pid > 0 && waitpid(pid, &status, 0) == pid && failed == 0) {
        step = "map the container's root and the sandboxes' ids (first-uid) into its own user namespace";
        failed = WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
    }
    return failed == 0 ? 0 : error_set(err, failed, "cannot %s; " WHAT_A_CONTAINER_NEEDS, step);
}

bool inner_root_proc_is_masked(void)
{
    return proc_masked;
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

int inner_root(const struct config *config, struct error *err)
{
    if (geteuid() != 0 || has_capability(CAP_SYS_ADMIN))
        return 0;
    if (check_capabilities(err) != 0 || enter(config, err) != 0)
        return -1;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return error_set(err, errno, "cannot mount in the container (does an AppArmor profile such as docker-default refuse it?); " WHAT_A_CONTAINER_NEEDS);
    proc_masked = !can_mount_proc();
    return cgroup_mount_fresh(err);
}
