/* environment.c: see environment.h. The launcher is a fork of the broker: it builds the tree with the broker's
 * rights, leaves them behind by entering a user namespace of its own, and becomes the two processes by exec.
 *
 *   broker -- fork --> launcher: mount namespace, tree, pivot_root; user namespace; ids mapped by the broker
 *                        |-- clone(CLONE_PARENT) --> incubator   (a child of the broker, too)
 *                        `-- exec --> zygote
 *
 * A zygote that takes over from another is a fork of the broker that enters the namespaces of the incubator. */
#include "broker/environment.h"
#include "broker/inner_root.h"
#include "broker/process.h"
#include "common/channel.h"
#include "sandbox/seccomp_policy.h"
#include "sandbox/tree.h"
#include "boot.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROGRAM_UID = 1000, FD_CHANNEL = 3, FD_SECCOMP = 4, PATHS_MAX = 24 };

/* --- the plan --------------------------------------------------------------------------------------------------- */

/* Prints what an interpreter outside of /usr needs: itself, its prefixes, its import path. */
static char probe_source[] =
    "import sys, os\n"
    "p = [sys.executable, sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, os.path.realpath(sys.executable)]\n"
    "sys.stdout.write('\\n'.join(p + [x for x in sys.path if x]))\n";

/* Adds a path unless the tree has it already. */
static int add_path(struct environment_plan *plan, const char *path)
{
    if (path[0] != '/' || strncmp(path, "/usr/", 5) == 0 || strcmp(path, "/usr") == 0 || access(path, F_OK) != 0)
        return 0;
    for (size_t i = 0; i < plan->path_count; i++) {
        size_t n = strlen(plan->paths[i]);
        if (strncmp(path, plan->paths[i], n) == 0 && (path[n] == '/' || path[n] == '\0'))
            return 0;
    }
    if (plan->path_count == PATHS_MAX)
        return -1;
    char *copy = strdup(path);
    if (copy == NULL)
        return -1;
    plan->paths[plan->path_count++] = copy;
    return 0;
}

static int probe_interpreter(struct environment_plan *plan, const char *python, struct error *err)
{
    char text[16384], status[64];
    char *const argv[] = {(char *)python, "-c", probe_source, NULL};
    if (process_output(argv, text, sizeof text, err) != 0)
        return error_wrap(err, "python %s", python);
    snprintf(status, sizeof status, "%.63s", text);
    char *save = NULL;
    char *executable = strtok_r(text, "\n", &save);
    if (executable == NULL || executable[0] != '/')
        return error_set(err, 0, "python %s: it does not tell where it is; give the path of a CPython from 3.9", python);
    plan->interpreter = strdup(executable);
    char *lines[PATHS_MAX];
    size_t count = 0;
    for (char *line; (line = strtok_r(NULL, "\n", &save)) != NULL && count < PATHS_MAX;)
        lines[count++] = line;
    static const char *const covered[] = {"/tmp/", "/dev/", "/proc/", "/sandbox/"};
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < sizeof covered / sizeof covered[0]; j++)
            if (strncmp(lines[i], covered[j], strlen(covered[j])) == 0)
                return error_set(err, 0, "python %s: it needs %s, but a program has a %.*s of its own; move the interpreter elsewhere", python,
                                 lines[i], (int)strlen(covered[j]) - 1, covered[j]);
    for (size_t i = 0; i < count; i++) /* prefixes first: what lies below them needs no mount of its own */
        if (strcmp(lines[i], "/") == 0 || add_path(plan, lines[i]) != 0)
            return error_set(err, 0, "python %s: it needs %s, which cannot be shown to programs alone", python, lines[i]);
    return add_path(plan, executable);
}

/* A file of ours: beside the binary (a build folder), or where it was installed. */
static int find_own(const char *build_place, const char *name, char *path, size_t size, struct error *err)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0)
        return error_set(err, errno, "/proc/self/exe");
    self[n] = '\0';
    const char *dir = dirname(self);
    snprintf(path, size, "%s/%s/%s", dir, build_place, name);
    if (access(path, R_OK) == 0)
        return 0;
    snprintf(path, size, "%s/%s", HATCHERY_LIBEXECDIR, name);
    if (access(path, R_OK) == 0)
        return 0;
    return error_set(err, ENOENT, "%s is neither in %s/%s nor in " HATCHERY_LIBEXECDIR, name, dir, build_place);
}

int environment_plan(struct environment_plan *plan, const struct config_environment *config, uint32_t first_id, uint32_t slots,
                     struct error *err)
{
    char path[PATH_MAX], real[PATH_MAX];
    *plan = (struct environment_plan){
        .config = config, .incubator_binary = -1, .collector_binary = -1, .seccomp = -1, .first_id = first_id, .slots = slots};

    plan->paths = calloc(PATHS_MAX, sizeof *plan->paths);
    if (plan->paths == NULL)
        return error_set(err, errno, "environment");
    if (realpath(config->python, real) == NULL || access(config->python, X_OK) != 0)
        return error_set(err, errno, "python %s: give the path of a CPython from 3.9 (setting python)", config->python);
    /* The system's own needs no question: it lives in /usr, and a virtual environment never is exactly there. */
    if (strncmp(config->python, "/usr/bin/", 9) == 0 && strncmp(real, "/usr/bin/", 9) == 0)
        plan->interpreter = strdup(config->python);
    else if (probe_interpreter(plan, config->python, err) != 0)
        return -1;
    if (find_own("src/zygote", "_hatchery.abi3.so", path, sizeof path, err) != 0)
        return -1;
    plan->extension = strdup(path);
    if (find_own("src/incubator", "hatchery-incubator", path, sizeof path, err) != 0)
        return -1;
    plan->incubator_binary = open(path, O_RDONLY | O_CLOEXEC);
    if (plan->incubator_binary < 0)
        return error_set(err, errno, "%s", path);
    if (find_own("src/collector", "hatchery-collector", path, sizeof path, err) != 0)
        return -1;
    plan->collector_binary = open(path, O_RDONLY | O_CLOEXEC);
    if (plan->collector_binary < 0)
        return error_set(err, errno, "%s", path);
    plan->seccomp = seccomp_policy_export(0, err);
    return plan->seccomp >= 0 ? 0 : -1;
}

void environment_plan_free(struct environment_plan *plan)
{
    if (plan->paths == NULL)
        return; /* it was never begun */
    for (size_t i = 0; i < plan->path_count; i++)
        free(plan->paths[i]);
    free(plan->paths);
    free(plan->interpreter);
    free(plan->extension);
    if (plan->incubator_binary >= 0)
        close(plan->incubator_binary);
    if (plan->collector_binary >= 0)
        close(plan->collector_binary);
    if (plan->seccomp >= 0)
        close(plan->seccomp);
    *plan = (struct environment_plan){.incubator_binary = -1, .collector_binary = -1, .seccomp = -1};
}

/* --- the launcher ------------------------------------------------------------------------------------------------- */

struct launcher {
    const struct environment_plan *plan;
    int incubator_channel, zygote_channel;
    int output;  /* write end, see environment.h */
    uint32_t modules; /* set of those of `learn` that the zygote imports */
    int control; /* stream socket to the broker: a byte when the ids can be mapped, a byte back when they are, then the
                    incubator's pid, or a struct error */
};

static _Noreturn void launch_fail(const struct launcher *launcher, const struct error *err)
{
    if (write(launcher->control, err, sizeof *err) < 0)
        _exit(121);
    _exit(120);
}

/* A channel, and nothing else of ours, at its place. */
static void keep_fds(int channel, int seccomp, int output)
{
    int null = open("/dev/null", O_RDWR);
    int high_channel = fcntl(channel, F_DUPFD, 64), high_seccomp = fcntl(seccomp, F_DUPFD, 64);
    if (null < 0 || high_channel < 0 || high_seccomp < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 ||
        dup2(output, 2) < 0 || dup2(high_channel, FD_CHANNEL) < 0 || dup2(high_seccomp, FD_SECCOMP) < 0)
        _exit(121);
    syscall(SYS_close_range, FD_SECCOMP + 1, ~0U, CLOSE_RANGE_CLOEXEC);
}

static _Noreturn void exec_incubator(const struct launcher *launcher)
{
    int binary = fcntl(launcher->plan->incubator_binary, F_DUPFD_CLOEXEC, 128);
    keep_fds(launcher->incubator_channel, launcher->plan->seccomp, launcher->output);
    close(FD_SECCOMP);
    char *argv[] = {"hatchery-incubator", "3", inner_root_proc_is_masked() ? "no-proc" : "proc", NULL};
    char *envp[] = {NULL};
    syscall(SYS_execveat, binary, "", argv, envp, AT_EMPTY_PATH);
    _exit(121);
}

/* What every program finds in its environment, and nothing else. One thread for the numeric libraries: a zygote must
 * have one thread, and a run has one core. */
static char *const program_environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
                                            "HOME=" TREE_WORK,
                                            "LANG=C.UTF-8",
                                            "PYTHONUNBUFFERED=1",
                                            "MPLBACKEND=Agg",
                                            "MPLCONFIGDIR=/tmp",
                                            "OPENBLAS_NUM_THREADS=1",
                                            "OMP_NUM_THREADS=1",
                                            "MKL_NUM_THREADS=1",
                                            "NUMEXPR_NUM_THREADS=1",
                                            NULL};

/* Modules write at their import: matplotlib refuses to be imported without a folder for its cache. These are the zygote's alone, in a
 * mount namespace of its own: programs enter a nest's, which has none of it. */
static int mount_zygote_folders(void)
{
    static const char *const folders[] = {"/tmp", TREE_WORK};
    int r = unshare(CLONE_NEWNS);
    for (size_t i = 0; r == 0 && i < sizeof folders / sizeof folders[0]; i++)
        r = mount("tmpfs", folders[i], "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=64m");
    return r;
}

static _Noreturn void exec_zygote(const struct launcher *launcher)
{
    const struct config_environment *config = launcher->plan->config;
    char settings[160], modules[16];
    snprintf(settings, sizeof settings, "%d %lld %lld %lld %lld %u %d", PROGRAM_UID, (long long)config->limit_open_files,
             (long long)config->limit_processes, (long long)config->limit_workspace, (long long)config->limit_files,
             launcher->plan->landlock_min, FD_SECCOMP);
    snprintf(modules, sizeof modules, "%u", launcher->modules);
    keep_fds(launcher->zygote_channel, launcher->plan->seccomp, launcher->output);
    if (mount_zygote_folders() != 0) {
        fprintf(stderr, "hatchery: cannot mount folders for what modules write at their import: %s\n", strerror(errno));
        _exit(120);
    }
    char *argv[] = {launcher->plan->interpreter, "-c", (char *)boot_source, "3", settings, config->preload, config->learn, modules, NULL};
    execve(launcher->plan->interpreter, argv, program_environment);
    fprintf(stderr, "hatchery: cannot exec %s: %s\n", launcher->plan->interpreter, strerror(errno));
    _exit(121);
}

/* What the incubator and the zygote do with namespaces of their own children needs these, inside the environment's
 * user namespace alone. */
static int keep_capabilities(void)
{
    for (unsigned long cap = 0;; cap++) {
        if (cap == CAP_SYS_ADMIN || cap == CAP_SETUID || cap == CAP_SETGID || cap == CAP_SYS_PTRACE ||
            cap == CAP_SYS_CHROOT || cap == CAP_SETPCAP)
            continue;
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
            return errno == EINVAL ? 0 : -1;
    }
}

/* What every fork of the broker does that becomes a maker. */
static void leave_broker(void)
{
    /* It holds copies of the broker's ends of its channels, so it would not see the broker's death by them. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        _exit(121);
    /* The files in /proc of who is not dumpable belong to the machine's root, and a plain user's service could not map ids. */
    prctl(PR_SET_DUMPABLE, 1);
    const int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (score >= 0) { /* when the machine is out of memory, runs go before the service */
        if (write(score, "500", 3) < 0)
            _exit(121);
        close(score);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid(); /* a Ctrl-C at the terminal is for the broker, who ends the others in order */
}

static int become_environment_root(void)
{
    return setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0 ? -1 : keep_capabilities();
}

static _Noreturn void launcher_main(struct launcher *launcher)
{
    struct error err = {0};
    char byte = 0;
    const struct tree tree = {.extension = launcher->plan->extension,
                              .paths = (const char *const *)launcher->plan->paths,
                              .path_count = launcher->plan->path_count};
    leave_broker();
    if (unshare(CLONE_NEWNS) != 0) {
        error_set(&err, errno, "environment: cannot make a mount namespace");
        launch_fail(launcher, &err);
    }
    if (tree_enter(&tree, &err) != 0)
        launch_fail(launcher, &err);
    if (setgroups(0, NULL) != 0 && errno != EPERM) {
        error_set(&err, errno, "environment: cannot drop supplementary groups");
        launch_fail(launcher, &err);
    }
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET) != 0) {
        error_set(&err, errno, "environment: cannot make a user namespace (is user.max_user_namespaces 0, or does a container's seccomp profile refuse unshare?)");
        launch_fail(launcher, &err);
    }
    if (write(launcher->control, &byte, 1) != 1 || read(launcher->control, &byte, 1) != 1)
        _exit(121);
    if (sethostname("sandbox", 7) != 0 || become_environment_root() != 0) {
        error_set(&err, errno, "environment: cannot change identity");
        launch_fail(launcher, &err);
    }
    struct clone_args args = {.flags = CLONE_PARENT};
    pid_t incubator = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (incubator == 0)
        exec_incubator(launcher);
    if (incubator < 0) {
        error_set(&err, errno, "environment: cannot fork");
        launch_fail(launcher, &err);
    }
    if (write(launcher->control, &incubator, sizeof incubator) != (ssize_t)sizeof incubator)
        _exit(121);
    exec_zygote(launcher);
}

/* --- the broker's side --------------------------------------------------------------------------------------------- */

static int map_ids(pid_t pid, const struct environment_plan *plan, struct error *err)
{
    char path[64], map[64];
    const uint32_t count = environment_id_count(plan->slots);
    int n = snprintf(map, sizeof map, "0 %u %u\n", plan->first_id, count);
    static const char *const files[] = {"uid_map", "gid_map"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, files[i]);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        ssize_t written = fd >= 0 ? write(fd, map, (size_t)n) : -1;
        int saved = errno;
        if (fd >= 0)
            close(fd);
        if (written != n)
            return error_set(err, saved, "environment: cannot map ids %u to %u", plan->first_id, plan->first_id + count - 1);
    }
    return 0;
}

/* Until the launcher has become the zygote. Returns the incubator's pid, or -1 with `err`. */
static pid_t converse(int control, pid_t launcher, const struct environment_plan *plan, struct error *err)
{
    union {
        char byte;
        pid_t pid;
        struct error err;
    } answer;
    ssize_t n = read(control, &answer, sizeof answer);
    if (n == 1) {
        if (map_ids(launcher, plan, err) != 0 || write(control, "", 1) != 1)
            return -1;
        n = read(control, &answer, sizeof answer);
    }
    if (n == (ssize_t)sizeof(pid_t))
        return answer.pid;
    if (n == (ssize_t)sizeof(struct error))
        *err = answer.err;
    else
        error_set(err, 0, n < 0 ? "environment: its launcher does not go on" : "environment: its launcher died");
    return -1;
}

/* What only a running process has. It is reaped by nobody but us, so the number is its own. */
static int watchable(struct maker *maker)
{
    maker->pidfd = (int)syscall(SYS_pidfd_open, maker->pid, 0);
    if (maker->pidfd < 0 || fcntl(maker->channel, F_SETFL, O_NONBLOCK) != 0)
        return -1;
    return maker->output < 0 ? 0 : fcntl(maker->output, F_SETFL, O_NONBLOCK);
}

int environment_start(struct maker *incubator, struct maker *zygote, const struct environment_plan *plan, unsigned seconds, struct error *err)
{
    const struct timeval patience = {.tv_sec = (time_t)seconds};
    int incubator_pair[2], zygote_pair[2], control[2], output[2];
    *incubator = *zygote = MAKER_NONE;
    if (pipe2(output, O_CLOEXEC) != 0 || channel_pair(incubator_pair, 0) != 0 || channel_pair(zygote_pair, 0) != 0 ||
        channel_pair(control, 0) != 0 || setsockopt(control[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0)
        return error_set(err, errno, "environment: socketpair"); /* the start fails with it */

    pid_t pid = fork();
    if (pid == 0) {
        struct launcher launcher = {
            .plan = plan, .incubator_channel = incubator_pair[1], .zygote_channel = zygote_pair[1], .output = output[1], .control = control[1]};
        launcher_main(&launcher);
    }
    close(incubator_pair[1]);
    close(zygote_pair[1]);
    close(control[1]);
    close(output[1]);
    zygote->output = output[0];
    incubator->channel = incubator_pair[0];
    zygote->channel = zygote_pair[0];
    zygote->pid = pid > 0 ? pid : 0;
    pid_t made = pid > 0 ? converse(control[0], pid, plan, err) : error_set(err, errno, "environment: cannot fork");
    close(control[0]);
    incubator->pid = made > 0 ? made : 0;
    int r = made > 0 ? 0 : -1;
    if (r == 0 && (watchable(zygote) != 0 || watchable(incubator) != 0))
        r = error_set(err, errno, "environment: pidfd");
    if (r != 0) {
        maker_stop(zygote);
        maker_stop(incubator);
    }
    return r;
}

/* Its output goes to the log, so that is where a failure is told. */
static _Noreturn void follow_incubator(struct launcher *launcher, int incubator)
{
    leave_broker();
    if (dup2(launcher->output, 2) < 0)
        _exit(121);
    if ((setgroups(0, NULL) != 0 && errno != EPERM) ||
        setns(incubator, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS) != 0 || unshare(CLONE_NEWNET) != 0 ||
        become_environment_root() != 0) {
        fprintf(stderr, "hatchery: cannot enter the environment's namespaces: %s\n", strerror(errno));
        _exit(120);
    }
    exec_zygote(launcher);
}

int environment_start_zygote(struct maker *zygote, const struct maker *incubator, const struct environment_plan *plan,
                             uint32_t modules, struct error *err)
{
    int channel[2], output[2];
    *zygote = MAKER_NONE;
    if (channel_pair(channel, 0) != 0)
        return error_set(err, errno, "environment: socketpair");
    if (pipe2(output, O_CLOEXEC) != 0) {
        error_set(err, errno, "environment: pipe");
        close(channel[0]);
        close(channel[1]);
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        struct launcher launcher = {
            .plan = plan, .incubator_channel = -1, .zygote_channel = channel[1], .output = output[1], .modules = modules, .control = -1};
        follow_incubator(&launcher, incubator->pidfd);
    }
    int r = pid > 0 ? 0 : error_set(err, errno, "environment: cannot fork");
    close(channel[1]);
    close(output[1]);
    zygote->channel = channel[0];
    zygote->output = output[0];
    zygote->pid = pid > 0 ? pid : 0;
    if (r == 0 && watchable(zygote) != 0)
        r = error_set(err, errno, "environment: pidfd");
    if (r != 0)
        maker_stop(zygote);
    return r;
}

void maker_stop(struct maker *maker)
{
    process_end(&maker->pid, &maker->pidfd);
    if (maker->channel >= 0)
        close(maker->channel);
    if (maker->output >= 0)
        close(maker->output);
    *maker = MAKER_NONE;
}
