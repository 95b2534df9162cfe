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
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Descriptors of a program while trusted code runs in it; it starts with 0, 1 and 2 alone. */
enum { FD_JOB = 3, FD_STDOUT = 4, FD_STDERR = 5, FD_NEST = 6 };
enum { CODE_SIZE_MAX = 1 << 30 };

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

/* Until user code runs, a failure is reported on the job socket and ends the process. */
static _Noreturn void fail(const char *what)
{
    struct program_status status = {.magic = JOB_MAGIC, .error = errno != 0 ? errno : EIO};
    strncpy(status.what, what, sizeof status.what - 1);
    if (write(FD_JOB, &status, sizeof status) < 0)
        _exit(121);
    _exit(120);
}

/* [nest, job, stdout, stderr] of the message to fixed places, everything else closed. The received numbers may lie
 * in the way of each other, so they go up first. */
static void arrange_fds(const int received[4])
{
    static const int places[4] = {FD_NEST, FD_JOB, FD_STDOUT, FD_STDERR};
    int high[4];
    for (int i = 0; i < 4; i++)
        if ((high[i] = fcntl(received[i], F_DUPFD, 64)) < 0)
            _exit(121);
    for (int i = 0; i < 4; i++)
        if (dup2(high[i], places[i]) < 0)
            _exit(121);
    if (syscall(SYS_close_range, FD_NEST + 1, ~0U, 0) != 0)
        fail("close_range");
}

static void enter_nest(void)
{
    if (setns(FD_NEST, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET) != 0)
        fail("enter namespaces");
    if (unshare(CLONE_NEWCGROUP) != 0) /* made here, in the slot's cgroup, which is then all that it shows */
        fail("cgroup namespace");
    close(FD_NEST);
    if (chdir("/sandbox") != 0)
        fail("working folder");
    if (setsid() < 0)
        fail("session");
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
        fail("/dev/null");
    close(null);
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

/* Waits for the job and leaves it as main.py in the working folder. */
static FILE *receive_job(void)
{
    struct job_head job;
    read_all(&job, sizeof job);
    if (job.magic != JOB_MAGIC || job.code_size > CODE_SIZE_MAX)
        _exit(121);
    char *code = malloc(job.code_size + 1);
    if (code == NULL)
        _exit(121);
    read_all(code, job.code_size);
    int fd = open("main.py", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    for (size_t done = 0; fd >= 0 && done < job.code_size;) {
        ssize_t n = write(fd, code + done, job.code_size - done);
        if (n <= 0)
            _exit(121);
        done += (size_t)n;
    }
    free(code);
    FILE *file = NULL;
    if (fd >= 0 && lseek(fd, 0, SEEK_SET) == 0)
        file = fdopen(fd, "rb");
    if (file == NULL)
        _exit(121);
    return file;
}

/* A __main__ of this process's own, like the zygote's: that one is frozen, out of the collector's sight, and so would be
 * every cycle through it (a class, its method, the method's globals) when the program ends. */
static int renew_main(struct zygote *zygote)
{
    PyObject *main = PyModule_New("__main__");
    if (main == NULL || PyDict_Update(PyModule_GetDict(main), PyModule_GetDict(zygote->main)) != 0 ||
        PyDict_SetItemString(PyImport_GetModuleDict(), "__main__", main) != 0)
        return -1;
    Py_DECREF(zygote->main);
    zygote->main = main;
    return 0;
}

static _Noreturn void program_main(struct zygote *zygote, const struct message *message)
{
    uint32_t slot = message->head.slot;

    for (int i = 0; i < zygote->slots[slot].procs_count; i++)
        if (write(zygote->slots[slot].procs[i], "0", 1) != 1)
            _exit(121);
    arrange_fds(message->fds);
    enter_nest();
    seal_step failed = seal_program(&zygote->seal);
    if (failed != NULL)
        fail(failed);

    if (holder_start() != 0)
        fail("holder");
    /* Sealed. What follows is the interpreter's own after-fork work (it seeds random, renews locks), then a warm-up. */
    PyOS_AfterFork_Child();
    if (PyErr_Occurred() || program_warm() != 0 || renew_main(zygote) != 0)
        fail("warm-up");

    struct program_status status = {.magic = JOB_MAGIC};
    if (write(FD_JOB, &status, sizeof status) != (ssize_t)sizeof status)
        _exit(121);
    FILE *file = receive_job();
    if (dup2(FD_STDOUT, 1) < 0 || dup2(FD_STDERR, 2) < 0 || syscall(SYS_close_range, FD_JOB, FD_STDERR, 0) != 0)
        _exit(121);
    /* serve() was called from C, which counts as a level of the recursion that a program may use up. */
    Py_LeaveRecursiveCall();
    /* From here on user code. */
    PyObject *result = run_file(file, "/sandbox/main.py", PyModule_GetDict(zygote->main));
    int ok = result != NULL;
    Py_XDECREF(result);
    Py_DECREF(zygote->main); /* or its namespace would outlive the finalization, and what is in it would never end */
    program_finish(ok);
}

pid_t program_fork(struct zygote *zygote, const struct message *message)
{
    void *robust_list;
    size_t robust_size;

    /* Children are born into the nest's pid namespace; the zygote itself never is in it. */
    if (setns(message->fds[0], CLONE_NEWPID) != 0)
        return -1;
    if (syscall(SYS_get_robust_list, 0, &robust_list, &robust_size) != 0)
        return -1;
    PyOS_BeforeFork();
    struct clone_args args = {
        .flags = CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID,
        .child_tid = (uintptr_t)zygote->tid,
    };
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) {
        syscall(SYS_set_robust_list, robust_list, robust_size);
        program_main(zygote, message);
    }
    int saved = errno;
    PyOS_AfterFork_Parent();
    errno = saved;
    return pid;
}
