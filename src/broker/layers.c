/* layers.c: see layers.h. Each probe is a child that does the thing for real and exits with 0, or with the errno of what the
 * kernel said. Runs with the rights of who calls it. */
#include "broker/layers.h"
#include "broker/broker.h"
#include "broker/cgroup.h"
#include "broker/inner_root.h"
#include "runner/runner.h"
#include "sandbox/seal.h"
#include "sandbox/seccomp_policy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DETAIL_MAX = ERROR_TEXT_MAX };

struct probe {
    const char *layer, *remedy;
    enum { ANY_TIME, ALONE } when; /* ALONE: it starts a service of its own, or changes what a starting one relies on */
    int (*run)(const struct config *config, char detail[DETAIL_MAX]); /* 0, or an errno; in a child of its own */
};

static int probe_root(const struct config *config, char *detail)
{
    if (config->rootless && geteuid() == 0)
        snprintf(detail, DETAIL_MAX, "in a user namespace");
    if (geteuid() == 0)
        return 0;
    snprintf(detail, DETAIL_MAX, "this is user %u", (unsigned)geteuid());
    return EPERM;
}

static int probe_namespaces(const struct config *config, char *detail)
{
    static const struct {
        int flag;
        const char *name;
    } kinds[] = {{CLONE_NEWUSER, "user"}, {CLONE_NEWNS, "mount"}, {CLONE_NEWPID, "pid"}, {CLONE_NEWNET, "net"},
                 {CLONE_NEWIPC, "ipc"},   {CLONE_NEWUTS, "uts"},  {CLONE_NEWCGROUP, "cgroup"}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (unshare(kinds[i].flag) != 0) {
            snprintf(detail, DETAIL_MAX, "%s namespace: %s", kinds[i].name, strerror(errno));
            return errno;
        }
    snprintf(detail, DETAIL_MAX, "user, mount, pid, net, ipc, uts, cgroup");
    return 0;
}

static int probe_mounts(const struct config *config, char *detail)
{
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return errno;
    if (mount("probe", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "size=64k") != 0)
        return errno;
    struct { uint64_t set, clr, propagation, userns; } attr = {.set = 1 /* MOUNT_ATTR_RDONLY */};
    if (syscall(SYS_mount_setattr, AT_FDCWD, "/tmp", 0, &attr, sizeof attr) != 0) {
        snprintf(detail, DETAIL_MAX, "mount_setattr (Linux 5.12): %s", strerror(errno));
        return errno;
    }
    snprintf(detail, DETAIL_MAX, "tmpfs, read-only bind mounts, pivot_root");
    return mkdir("/tmp/x", 0755) == 0 ? EPERM : 0; /* it must not take */
}

static int probe_proc(const struct config *config, char *detail)
{
    bool masked = inner_root_proc_is_masked();
    snprintf(detail, DETAIL_MAX, "%s", masked ? "the container's own is covered in part, so programs see an empty one" : "programs see their own processes alone");
    return masked ? EPERM : 0;
}

static int probe_cgroup(const struct config *config, char *detail)
{
    struct cgroup_tree tree;
    struct cgroup cgroup;
    struct error err;
    const struct config_environment *environment = &config->environments[0];
    const struct cgroup_limits limits = {(uint64_t)environment->limit_memory, (uint32_t)environment->limit_processes,
                                         environment->limit_cpus};
    if (cgroup_tree_open(&tree, false, &err) != 0) {
        snprintf(detail, DETAIL_MAX, "%s", err.text);
        return EPERM;
    }
    int r = cgroup_create(&tree, 0, &limits, &cgroup, &err);
    if (r == 0) {
        snprintf(detail, DETAIL_MAX, "v%d; memory, swap, pids, cpu%s", tree.version,
                 cgroup_kill(&cgroup) ? ", kill" : "");
        cgroup_destroy(&cgroup);
    } else {
        snprintf(detail, DETAIL_MAX, "%s", err.text);
    }
    cgroup_tree_close(&tree);
    return r == 0 ? 0 : EPERM;
}

static int probe_seccomp(const struct config *config, char *detail)
{
    struct error err;
    struct stat st;
    int fd = seccomp_policy_export(0, &err);
    if (fd < 0 || fstat(fd, &st) != 0) {
        snprintf(detail, DETAIL_MAX, "%s", err.text);
        return EPERM;
    }
    const struct seccomp_filters *filters = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (filters == MAP_FAILED || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || seal_seccomp_zygote(filters) != 0 ||
        seal_seccomp_program(filters) != 0)
        return errno;
    snprintf(detail, DETAIL_MAX, "%u and %u instructions", filters->zygote_count, filters->program_count);
    return unshare(0) == -1 && errno == EPERM ? 0 : EPERM;
}

static int probe_landlock(const struct config *config, char *detail)
{
    const int abi = landlock_abi();
    if (abi < config->landlock_min) {
        snprintf(detail, DETAIL_MAX, "ABI %d is less than landlock-min, %lld", abi, (long long)config->landlock_min);
        return ENOSYS;
    }
    if (abi == 0) {
        snprintf(detail, DETAIL_MAX, "the kernel has none, and landlock-min is 0");
        return ENOSYS;
    }
    if (landlock_deny_files() != 0)
        return errno;
    snprintf(detail, DETAIL_MAX, "ABI %d", abi);
    return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0 && errno == EACCES ? 0 : EPERM;
}

static int probe_capabilities(const struct config *config, char *detail)
{
    if (prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) != 1 || unshare(CLONE_NEWNS) != 0) {
        snprintf(detail, DETAIL_MAX, "CAP_SYS_ADMIN is missing");
        return EPERM;
    }
    snprintf(detail, DETAIL_MAX, "programs keep none");
    return 0;
}

/* The whole of it: a program in a sandbox that looks at itself. */
static int probe_sandbox(const struct config *config, char *detail)
{
    static const char code[] =
        "import os, sys\n"
        "import ctypes\n"
        "libc = ctypes.CDLL(None)\n"
        "head, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()\n"
        "ok = libc.prctl(21) == 2 and libc.prctl(39, 0, 0, 0, 0) == 1\n" /* PR_GET_SECCOMP, PR_GET_NO_NEW_PRIVS */
        "ok = ok and libc.capget(head, data) == 0 and not any(data) and not any(libc.prctl(23, c) == 1 for c in range(64))\n"
        "ok = ok and os.getuid() == 1000 and os.listdir('.') == ['main.py'] and os.uname().nodename == 'sandbox'\n"
        "sys.exit(0 if ok else 1)\n";
    const struct run_request request = {.request = {.code = {code, sizeof code - 1}, .timeout = 5}};
    struct error err;
    int status = broker_run(config, &request, &err);
    if (status != 0) {
        snprintf(detail, DETAIL_MAX, "%s", status < 0 ? err.text : "a program inside does not see what it should");
        return EPERM;
    }
    snprintf(detail, DETAIL_MAX, "a program ran inside, sealed");
    return 0;
}

static const struct probe probes[LAYER_COUNT] = {
    {"root", "start it with sudo, as a systemd service, or with --rootless true (docs/deployment.md)", ANY_TIME, probe_root},
    {"capabilities", "run it as root with CAP_SYS_ADMIN, or in a container as docs/isolation.md lists", ANY_TIME, probe_capabilities},
    {"namespaces", "sysctl user.max_user_namespaces=10000; in a container: a seccomp profile that allows unshare", ANY_TIME, probe_namespaces},
    {"mounts", "Linux 5.12 or newer; in a container: a seccomp and AppArmor profile that allow mount", ANY_TIME, probe_mounts},
    {"proc", "for programs that read /proc/self: docker run --security-opt systempaths=unconfined", ANY_TIME, probe_proc},
    {"cgroup", "run it as root, or under systemd with Delegate=yes; as a user: systemd-run --user --scope -p Delegate=yes hatchery serve --rootless true", ALONE, probe_cgroup},
    {"seccomp", "a kernel with CONFIG_SECCOMP_FILTER", ANY_TIME, probe_seccomp},
    {"landlock", "Linux 5.13 or newer with lsm=landlock,... on its command line; or --landlock-min 0 to do without this layer", ANY_TIME, probe_landlock},
    {"sandbox", "the lines above tell what is missing; the log line before this table tells the step", ALONE, probe_sandbox},
};

/* 0, or an errno. */
static int run_probe(const struct probe *probe, const struct config *config, char *detail)
{
    detail[0] = '\0';
    char *shared = mmap(NULL, DETAIL_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return errno;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(probe->run(config, shared));
    int status = 0;
    int r = pid > 0 && waitpid(pid, &status, 0) == pid ? 0 : errno;
    if (r == 0)
        r = WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
    snprintf(detail, DETAIL_MAX, "%s", shared[0] != '\0' ? shared : r != 0 ? strerror(r) : "");
    munmap(shared, DETAIL_MAX);
    return r;
}

static void try_one(const struct config *config, const struct probe *probe, struct layer *layer)
{
    *layer = (struct layer){.name = probe->layer, .remedy = probe->remedy};
    layer->enforced = run_probe(probe, config, layer->detail) == 0;
    /* Which are required is the user's choice where it is one: the others are what makes it a sandbox. */
    if (probe->run == probe_landlock)
        layer->required = config->landlock_min > 0;
    else if (probe->run == probe_proc)
        layer->required = config->require_proc;
    else
        layer->required = true;
}

void layers_try(const struct config *config, struct layer layers[LAYER_COUNT])
{
    for (size_t i = 0; i < LAYER_COUNT; i++)
        try_one(config, &probes[i], &layers[i]);
}

int layers_require(const struct config *config, FILE *out, struct error *err)
{
    struct layer layer;
    for (size_t i = 0; i < LAYER_COUNT; i++) {
        if (probes[i].when != ANY_TIME)
            continue;
        try_one(config, &probes[i], &layer);
        if (layer.required && !layer.enforced)
            return error_set(err, 0, "the layer %s is missing: %s. To get it: %s. `hatchery doctor` tells more", layer.name, layer.detail,
                             layer.remedy);
        layer_print_json(&layer, out);
        fputc(',', out);
    }
    return 0;
}

static void print_json_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++)
        if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            fprintf(out, "\\u%04x", (unsigned char)*text);
        else
            fputc(*text, out);
    fputc('"', out);
}

void layer_print_json(const struct layer *layer, FILE *out)
{
    fprintf(out, "{\"layer\":\"%s\",\"state\":\"%s\",\"required\":%s,\"detail\":", layer->name,
            layer->enforced ? "enforced" : "missing", layer->required ? "true" : "false");
    print_json_string(out, layer->detail);
    fputs(",\"remedy\":", out);
    print_json_string(out, layer->enforced ? "" : layer->remedy);
    fputc('}', out);
}
