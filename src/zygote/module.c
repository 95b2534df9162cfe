/* module.c: the module _hatchery: prepare() is called by boot.py, serve() by the interpreter as its excepthook. serve()
 * never returns: it waits for the broker's messages and forks. */
#include "zygote/zygote.h"

#include <structmember.h>

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct zygote zygote;

/* libc stored the address with set_tid_address(2) when the thread began. Where the kernel cannot tell, libc's own
 * description for debuggers can: {size in bits, number, offset in struct pthread}. */
static int *find_tid(void)
{
    int *address = NULL;
    if (prctl(PR_GET_TID_ADDRESS, &address) != 0 || address == NULL) {
        const uint32_t *description = dlsym(RTLD_DEFAULT, "_thread_db_pthread_tid");
        if (description == NULL || description[0] != 32)
            return NULL;
        address = (int *)((char *)__builtin_thread_pointer() + description[2]);
    }
    return *address == (int)syscall(SYS_gettid) ? address : NULL;
}

static uint32_t count_threads(void)
{
    uint32_t count = 0;
    DIR *dir = opendir("/proc/self/task");
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    if (dir != NULL)
        closedir(dir);
    return count;
}

/* settings: "uid open_files processes workspace files landlock_min seccomp_fd" */
static int read_settings(const char *text)
{
    int fd = -1;
    struct stat st;
    if (sscanf(text, "%u %u %u %" SCNu64 " %" SCNu64 " %u %d", &zygote.seal.uid, &zygote.seal.open_files, &zygote.seal.processes,
               &zygote.seal.workspace, &zygote.seal.files, &zygote.seal.landlock_min, &fd) != 7 ||
        fstat(fd, &st) != 0 || st.st_size <= 0)
        return -1;
    /* MAP_POPULATE: read by every child, so present before the fork */
    void *filter = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (filter == MAP_FAILED)
        return -1;
    close(fd);
    zygote.seal.seccomp = filter;
    return 0;
}

static struct message_zygote_warm warm = {.head.type = MESSAGE_ZYGOTE_WARM};
static int inventory; /* a memory file; -1: there is none */

static PyObject *prepare(PyObject *self, PyObject *args)
{
    const char *settings, *version, *why;
    PyObject *preloaded;
    if (!PyArg_ParseTuple(args, "OissiOIIIs", &zygote.main, &zygote.channel, &settings, &version, &inventory, &preloaded, &warm.needs,
                          &warm.has, &warm.failed, &why))
        return NULL;
    if (warm.failed != 0) {
        warm.error = EPERM;
        snprintf(warm.what, sizeof warm.what, "%s", why);
    }
    Py_INCREF(zygote.main);
    if (read_settings(settings) != 0)
        return PyErr_Format(PyExc_RuntimeError, "hatchery: bad settings for the zygote");
    zygote.last_pid = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
    zygote.tid = find_tid();
    if (zygote.tid == NULL)
        return PyErr_Format(PyExc_RuntimeError, "hatchery: this C library hides where it keeps a thread's id");
    if (run_file_prepare() != 0 || finish_prepare() != 0 || hygiene_prepare(preloaded) != 0 ||
        report_prepare_stack(zygote.seal.open_files) != 0)
        return NULL;
    strncpy(warm.version, version, sizeof warm.version - 1);
    Py_RETURN_NONE;
}

static int fork_program(struct message *message)
{
    struct message_program_forked forked = {.head = message->head};
    forked.head.type = MESSAGE_PROGRAM_FORKED;
    pid_t pid = -1;
    errno = EINVAL;
    if (message->fd_count > PROGRAM_FDS)
        pid = program_fork(&zygote, message);
    if (pid > 0)
        forked.pid = pid;
    else
        forked.error = errno;
    return channel_send(zygote.channel, &forked, sizeof forked, NULL, 0);
}

static _Noreturn void serve(PyObject *type, PyObject *value, PyObject *traceback)
{
    /* boot.py ends with SystemError("hatchery"); anything else is a failure to boot, and PyErr_Display says which. */
    PyObject *sys = PyImport_ImportModule("sys");
    PyObject *hook = PyObject_GetAttrString(sys, "__excepthook__");
    if (type != PyExc_SystemError || zygote.tid == NULL) {
        PyObject_CallFunctionObjArgs(hook, type, value, traceback, NULL);
        _exit(1);
    }
    PyObject_SetAttrString(sys, "excepthook", hook);
    Py_DECREF(hook);
    Py_DECREF(sys);
    static const char *const last[] = {"last_type", "last_value", "last_traceback", "last_exc"};
    for (size_t i = 0; i < sizeof last / sizeof last[0]; i++)
        PySys_SetObject(last[i], NULL);
    PyErr_Clear();

    mappings_prepare();
    if (warm.error == 0 && zygote_warm() != 0) {
        warm.error = EIO;
        snprintf(warm.what, sizeof warm.what, "a first program failed");
    }
    warm.threads = count_threads();
    if (warm.error == 0 && warm.threads != 1) { /* a fork copies one thread only: the others' locks would stay taken for ever */
        warm.error = EBUSY;
        snprintf(warm.what, sizeof warm.what, "%u threads after the imports; a zygote must have one", warm.threads);
    }
    memory_prepare();
    folios_prepare();
    if (warm.error == 0 && seal_seccomp_zygote(zygote.seal.seccomp) != 0) {
        warm.error = errno;
        snprintf(warm.what, sizeof warm.what, "cannot load the seccomp filter: %s", strerror(errno));
    }
    if (channel_send(zygote.channel, &warm, sizeof warm, &inventory, inventory >= 0) != 0 || warm.error != 0)
        _exit(1);
    if (inventory >= 0)
        close(inventory);
    for (;;) {
        struct message message;
        int r = channel_receive(zygote.channel, &message);
        if (r <= 0)
            _exit(r == 0 ? 0 : 1);
        r = message.head.type == MESSAGE_PROGRAM_FORK ? fork_program(&message) : -1;
        message_close_fds(&message);
        if (r != 0)
            _exit(1);
    }
}

/* serve() as a callable. A built-in function would do, but for the levels of recursion that the interpreter counts for
 * it: a program's recursion must end at the same depth as under `python3 main.py`. What speaks the vectorcall protocol
 * is called without counting, and then one level is what a main script has. The limited API has no names for the
 * protocol before 3.12; its ABI is that of 3.9. */
typedef PyObject *(*vectorcall_function)(PyObject *self, PyObject *const *args, size_t count, PyObject *names);

struct takeover {
    PyObject_HEAD
    vectorcall_function call;
};

static PyObject *takeover_vectorcall(PyObject *self, PyObject *const *args, size_t count, PyObject *names)
{
    if ((count & (SIZE_MAX >> 1)) != 3) /* the top bit is a flag */
        _exit(1);
    if (Py_EnterRecursiveCall("") != 0)
        _exit(1);
    serve(args[0], args[1], args[2]);
}

static PyObject *takeover_call(PyObject *self, PyObject *args, PyObject *names)
{
    return PyErr_Format(PyExc_TypeError, "hatchery: for the interpreter only");
}

static PyMemberDef takeover_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(struct takeover, call), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot takeover_slots[] = {
    {Py_tp_members, takeover_members},
    {Py_tp_call, takeover_call},
    {0, NULL},
};

static PyType_Spec takeover_spec = {
    .name = "_hatchery.takeover",
    .basicsize = sizeof(struct takeover),
    .flags = Py_TPFLAGS_DEFAULT | 1UL << 11, /* Py_TPFLAGS_HAVE_VECTORCALL */
    .slots = takeover_slots,
};

static int add_takeover(PyObject *self)
{
    PyObject *type = PyType_FromSpec(&takeover_spec);
    struct takeover *takeover = type != NULL ? (struct takeover *)PyType_GenericAlloc((PyTypeObject *)type, 0) : NULL;
    Py_XDECREF(type);
    if (takeover == NULL)
        return -1;
    takeover->call = takeover_vectorcall;
    return PyModule_AddObject(self, "serve", (PyObject *)takeover);
}

static PyMethodDef methods[] = {
    {"prepare", prepare, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_hatchery", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__hatchery(void); /* found by its name */
PyMODINIT_FUNC PyInit__hatchery(void)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    PyObject *self = PyModule_Create(&module);
    if (self != NULL && add_takeover(self) != 0)
        Py_CLEAR(self);
    return self;
}
