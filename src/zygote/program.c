/* program.c: the fork of a program, and its life until its first line.
 *
 * The child is made by a raw clone: CLONE_PARENT makes it the broker's child, so that the kernel tells the broker,
 * not us, how it ended. libc's fork() cannot do that; what it does besides (its cached thread id, the robust list)
 * is done here. The child enters the nest, seals itself, warms up, says so, and waits for a job. */
#include "zygote/zygote.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Descriptors of a program while trusted code runs in it; it starts with 0, 1 and 2 alone. */
enum { FD_JOB = 3, FD_STDOUT = 4, FD_STDERR = 5, FD_NEST = 6, FD_REPORT = 7 };
enum { COPY_BYTES = 64 * 1024, TEXTS_SIZE_MAX = 1 << 30 };

/* In every nest, whatever ran in it before: the init is 1. */
enum { PROGRAM_PID = 2 };

static PyObject *(*run_file_function)(FILE *, const char *, int, PyObject *, PyObject *, int, void *);

int run_file_prepare(void)
{
    *(void **)&run_file_function = dlsym(RTLD_DEFAULT, "PyRun_FileExFlags");
    if (run_file_function != NULL)
        return 0;
    PyErr_Format(PyExc_RuntimeError, "hatchery: this interpreter does not export PyRun_FileExFlags");
    return -1;
}

PyObject *run_file(FILE *file, const char *name, PyObject *namespace)
{
    const int file_input = 257; /* Py_file_input */
    return run_file_function(file, name, file_input, namespace, namespace, 1, NULL);
}

/* Until user code runs, a failure is reported on the job socket and ends the process: to the broker until it is ready, to
 * whoever sent the job after that. */
static _Noreturn void fail(const char *what)
{
    struct program_status status = {.magic = JOB_MAGIC, .error = errno != 0 ? errno : EIO};
    strncpy(status.what, what, sizeof status.what - 1);
    if (write(FD_JOB, &status, sizeof status) < 0)
        _exit(121);
    _exit(120);
}

/* [nest, job, stdout, stderr, report] of the message to fixed places, everything else closed. The received numbers may lie
 * in the way of each other, so they go up first. */
static void arrange_fds(const int received[PROGRAM_FDS])
{
    static const int places[PROGRAM_FDS] = {FD_NEST, FD_JOB, FD_STDOUT, FD_STDERR, FD_REPORT};
    int high[PROGRAM_FDS];
    for (int i = 0; i < PROGRAM_FDS; i++)
        if ((high[i] = fcntl(received[i], F_DUPFD, 64)) < 0)
            _exit(121);
    for (int i = 0; i < PROGRAM_FDS; i++)
        if (dup2(high[i], places[i]) < 0)
            _exit(121);
    if (report_map(FD_REPORT) != 0)
        fail("report");
    if (syscall(SYS_close_range, FD_REPORT, ~0U, 0) != 0)
        fail("close_range");
}

static void enter_nest(const struct seal_settings *settings)
{
    if (setns(FD_NEST, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET) != 0)
        fail("enter namespaces");
    if (unshare(CLONE_NEWCGROUP) != 0) /* made here, in the slot's cgroup, which is then all that it shows */
        fail("cgroup namespace");
    close(FD_NEST);
    seal_step failed = workspace_mount(settings);
    if (failed != NULL)
        fail(failed);
    if (chdir("/sandbox") != 0)
        fail("working folder");
    if (setsid() < 0)
        fail("session");
    /* Of /dev/null all runs share the inode, and with it the list of locks that closing it walks, which a hostile run can make
     * long. So it is opened once, and closed at the end of the program and of its holder alone; and before the seal, or
     * Landlock would answer isatty() otherwise than the device does. */
    if (close(0) != 0 || open("/dev/null", O_RDWR) != 0)
        fail("/dev/null");
}

/* Until it is warm it writes to a pipe of its own. Returns the end that reads. */
static int mute_output(void)
{
    int mute[2];
    if (pipe2(mute, O_CLOEXEC) != 0 || dup2(mute[1], 1) < 0 || dup2(mute[1], 2) < 0)
        fail("pipe");
    close(mute[1]);
    return mute[0];
}

/* What the program is to find at 1 and 2. */
static void open_output(int mute)
{
    if (dup2(FD_STDOUT, 1) < 0 || dup2(FD_STDERR, 2) < 0 || syscall(SYS_close_range, FD_STDOUT, FD_STDERR, 0) != 0 || close(mute) != 0)
        fail("its descriptors");
}

/* The next process gets the number after the program's own, as in a new nest: how many the runs before had does not show.
 * Where the kernel has no such file the numbers go on, which is no secret worth failing for. */
static void forget_pids(const struct zygote *zygote)
{
    static const char number[] = {'0' + PROGRAM_PID};
    if (zygote->last_pid >= 0 && write(zygote->last_pid, number, sizeof number) < 0)
        return;
}

static void read_all(void *buffer, size_t size)
{
    for (size_t have = 0; have < size;) {
        ssize_t n = read(FD_JOB, (char *)buffer + have, size - have);
        if (n <= 0) /* the front is gone, or it dropped this sandbox */
            _exit(0);
        have += (size_t)n;
    }
}

/* Moves `size` bytes of the job into a file. */
static void copy_out(int fd, uint64_t size)
{
    static char bytes[COPY_BYTES]; /* on the stack all of its pages would be touched, however small the job */
    while (size > 0) {
        const size_t most = size < sizeof bytes ? (size_t)size : sizeof bytes;
        const ssize_t n = read(FD_JOB, bytes, most);
        if (n <= 0) /* the front is gone, or it dropped this sandbox */
            _exit(0);
        for (ssize_t done = 0, m; done < n; done += m)
            if ((m = write(fd, bytes + done, (size_t)(n - done))) <= 0)
                fail("write a file of the job");
        size -= (uint64_t)n;
    }
}

static char *read_texts(uint64_t size)
{
    char *texts = malloc(size + 1);
    if (texts == NULL)
        fail("memory for the job");
    read_all(texts, size);
    texts[size] = '\0';
    return texts;
}

/* sys.argv and, where there is one, sys.orig_argv. */
static int set_arguments(const char *texts, uint64_t size)
{
    static const char *const names[] = {"argv", "orig_argv"};
    for (const char *text = texts; text < texts + size; text += strlen(text) + 1)
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            PyObject *list = PySys_GetObject(names[i]), *value = list != NULL ? PyUnicode_DecodeFSDefault(text) : NULL;
            if (list != NULL && (value == NULL || PyList_Append(list, value) != 0))
                return -1;
            Py_XDECREF(value);
        }
    return 0;
}

/* libc's environment and the interpreter's picture of it, as if they had been there when it started. */
static int set_environment(char *texts, uint64_t size)
{
    PyObject *os = PyImport_ImportModule("os");
    PyObject *variables = os != NULL ? PyObject_GetAttrString(os, "environ") : NULL;
    bool time_zone = false;
    int r = variables != NULL ? 0 : -1;
    for (char *text = texts; r == 0 && text < texts + size;) {
        char *next = text + strlen(text) + 1, *equals = strchr(text, '=');
        if (equals == NULL)
            fail("the job's form");
        *equals = '\0';
        time_zone |= strcmp(text, "TZ") == 0;
        PyObject *name = PyUnicode_DecodeFSDefault(text), *value = PyUnicode_DecodeFSDefault(equals + 1);
        r = name != NULL && value != NULL ? PyObject_SetItem(variables, name, value) : -1;
        Py_XDECREF(name);
        Py_XDECREF(value);
        text = next;
    }
    Py_XDECREF(variables);
    Py_XDECREF(os);
    if (r == 0 && time_zone) { /* the module time read it when it was imported */
        PyObject *time = PyImport_ImportModule("time");
        PyObject *none = time != NULL ? PyObject_CallMethod(time, "tzset", NULL) : NULL;
        r = none != NULL ? 0 : -1;
        Py_XDECREF(none);
        Py_XDECREF(time);
    }
    return r;
}

/* A file without a name, in the run's own memory, that nobody can change: reading it never waits, and a program that does
 * not read its input holds nobody up. */
static void receive_stdin(uint64_t size)
{
    int file = memfd_create("stdin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0)
        fail("standard input");
    copy_out(file, size);
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    int fd = fcntl(file, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0
                 ? open(path, O_RDONLY | O_CLOEXEC) /* read-only, as the shell's "<" opens it */
                 : -1;
    if (fd < 0 || dup2(fd, 0) < 0)
        fail("standard input");
    close(fd);
    close(file);
}

/* The folders that a path needs. */
static void make_parents(char *path)
{
    for (char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            fail("make a folder of the job");
        *slash = '/';
    }
}

/* One of the run's files. The folder is new and its own: nothing in it can lead elsewhere. */
static void receive_file(void)
{
    struct job_file file;
    char path[JOB_PATH_MAX + 1];
    read_all(&file, sizeof file);
    if (file.path_size == 0 || file.path_size > JOB_PATH_MAX)
        fail("the job's form");
    read_all(path, file.path_size);
    path[file.path_size] = '\0';
    make_parents(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        fail("make a file of the job");
    copy_out(fd, file.size);
    close(fd);
}

/* main.py is there, empty and open, before the job is. */
static FILE *make_main_file(void)
{
    int fd = open("main.py", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    return fd >= 0 ? fdopen(fd, "rb") : NULL;
}

/* Waits for the job, makes its world of it and writes the code to main.py. */
static void receive_job(const struct seal_settings *seal, FILE *main_file)
{
    const int fd = fileno(main_file);
    struct job_head job;
    read_all(&job, sizeof job);
    if (job.magic != JOB_MAGIC || job.args_size > TEXTS_SIZE_MAX || job.env_size > TEXTS_SIZE_MAX)
        fail("the job's form");
    copy_out(fd, job.code_size);
    if (job.args_size + job.env_size > 0) {
        char *texts = read_texts(job.args_size + job.env_size);
        if (set_arguments(texts, job.args_size) != 0 || set_environment(texts + job.args_size, job.env_size) != 0)
            fail("arguments and environment");
        free(texts);
    }
    for (uint32_t i = 0; i < job.file_count; i++)
        receive_file();
    if (job.file_count > 0 && hygiene_forget_shadowed() != 0)
        fail("forget shadowed modules");
    if (job.stdin_size > 0)
        receive_stdin(job.stdin_size);
    const uint64_t workspace = job.workspace > 0 && job.workspace < seal->workspace ? job.workspace : seal->workspace;
    if (lseek(fd, 0, SEEK_SET) != 0 || seal_file_size(workspace) != 0 ||
        (job.open_files > 0 && job.open_files < seal->open_files &&
         (seal_open_files(job.open_files) != 0 || report_prepare_stack(job.open_files) != 0)))
        fail("limits");
}

/* A __main__ of this process's own, like the zygote's: that one is frozen, out of the collector's sight, and so would be
 * every cycle through it (a class, its method, the method's globals) when the program ends. */
static int renew_main(struct zygote *zygote)
{
    PyObject *main = PyModule_New("__main__");
    if (main == NULL || PyDict_Update(PyModule_GetDict(main), PyModule_GetDict(zygote->main)) != 0 ||
        PyDict_SetItemString(PyImport_GetModuleDict(), "__main__", main) != 0)
        return -1;
    /* multiprocessing, where it was preloaded, has noted what __main__ was then */
    if (PyDict_GetItemString(PyImport_GetModuleDict(), "__mp_main__") != NULL &&
        PyDict_SetItemString(PyImport_GetModuleDict(), "__mp_main__", main) != 0)
        return -1;
    Py_DECREF(zygote->main);
    zygote->main = main;
    return 0;
}

static _Noreturn void program_main(struct zygote *zygote, const struct message *message)
{
    for (int i = PROGRAM_FDS; i < message->fd_count; i++)
        if (write(message->fds[i], "0", 1) != 1)
            _exit(121);
    forget_pids(zygote);
    arrange_fds(message->fds);
    enter_nest(&zygote->seal);
    const int mute = mute_output();
    seal_step failed = seal_program(&zygote->seal);
    if (failed != NULL)
        fail(failed);

    if (holder_start() != 0)
        fail("holder");
    /* Sealed. What follows is the interpreter's own after-fork work (it seeds random, renews locks), then a warm-up. */
    PyOS_AfterFork_Child();
    if (PyErr_Occurred() || hygiene_renew() != 0 || program_warm() != 0 || renew_main(zygote) != 0)
        fail("warm-up");
    open_output(mute);

    FILE *file = make_main_file();
    if (file == NULL)
        fail("main.py");
    struct program_status status = {.magic = JOB_MAGIC};
    if (write(FD_JOB, &status, sizeof status) != (ssize_t)sizeof status)
        _exit(121);
    receive_job(&zygote->seal, file);
    close(FD_JOB);
    /* serve() was called from C, which counts as a level of the recursion that a program may use up. */
    Py_LeaveRecursiveCall();
    /* From here on user code. */
    PyObject *result = run_file(file, PROGRAM_FILE, PyModule_GetDict(zygote->main));
    int ok = result != NULL;
    Py_XDECREF(result);
    Py_DECREF(zygote->main); /* or its namespace would outlive the finalization, and what is in it would never end */
    program_finish(ok);
}

pid_t program_fork(struct zygote *zygote, const struct message *message)
{
    void *robust_list;
    size_t robust_size;

    /* Children are born into the nest's pid namespace; the zygote itself never is in it. So the kernel refuses it threads from now on,
     * whatever what is preloaded does when it is told of a fork: they would be of another pid namespace. */
    if (setns(message->fds[0], CLONE_NEWPID) != 0)
        return -1;
    if (syscall(SYS_get_robust_list, 0, &robust_list, &robust_size) != 0)
        return -1;
    PyOS_BeforeFork();
    const pid_t number = PROGRAM_PID;
    struct clone_args args = {
        .flags = CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID,
        .child_tid = (uintptr_t)zygote->tid,
        .set_tid = (uintptr_t)&number,
        .set_tid_size = 1,
    };
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0) { /* the number is taken for a moment more, or must not be chosen here: then any */
        args.set_tid = args.set_tid_size = 0;
        pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    }
    if (pid == 0) {
        syscall(SYS_set_robust_list, robust_list, robust_size);
        program_main(zygote, message);
    }
    int saved = errno;
    PyOS_AfterFork_Parent();
    errno = saved;
    return pid;
}
