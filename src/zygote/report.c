/* report.c: what a program's process tells about itself beside its output: see struct report in common/protocol.h. The memory
 * is mapped before user code and has no descriptor, so a program has no more of those than it would have.
 *
 * The exception is told by Python objects, before the interpreter prints it, without running a line of the program. The
 * stack is CPython's own dump (faulthandler), which takes no lock and allocates nothing, written from a signal handler. */
#include "zygote/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FRAMES_SHOWN = 50 /* from each end */, TYPE_MAX = 512, MESSAGE_MAX = 8192, NAME_MAX_SHOWN = 1024, DEPTH_MAX = 3, DUMP_FD_MAX = 64 };

static struct report *report;
static pthread_t main_thread;
static pid_t program_pid; /* a child that the program forks has the memory, too, but is not meant */

/* --- the stack --------------------------------------------------------------------------------------------------- */

static int dump_fd; /* where the dump is written */
static void (*dump)(int signum);

static void dump_stack(int signum)
{
    close(dump_fd); /* there may be no other descriptor left */
    const int file = memfd_create("stack", MFD_CLOEXEC);
    if (file < 0 || (file != dump_fd && dup2(file, dump_fd) != dump_fd))
        return;
    dump(signum);
    const ssize_t n = pread(file, report->stack, sizeof report->stack, 0);
    report->main_thread = (uint64_t)(uintptr_t)main_thread;
    report->stack_size = n > 0 ? (uint32_t)n : 0;
}

/* Runs in the program, at any point of it. From outside of its pid namespace, so from the broker, the signal means that its
 * time is over: having told where it was, the process ends, which tells the broker that it need not wait. From itself it
 * means nothing. */
static void on_dump_signal(int signum, siginfo_t *info, void *context)
{
    if (info->si_code != SI_USER || info->si_pid != 0 || report == NULL || (pid_t)syscall(SYS_getpid) != program_pid)
        return;
    dump_stack(signum);
    syscall(SYS_exit_group, 1);
}

/* Takes faulthandler's own handler for the signal. Nothing of it shows: the module is forgotten, and signal.getsignal() tells
 * what it knew at its start. Its descriptor is one that few programs use; above 63 the kernel may have to make a larger table
 * first, which takes a process with threads milliseconds. */
int report_prepare_stack(uint32_t open_files)
{
    const int fd = (int)(open_files < DUMP_FD_MAX ? open_files : DUMP_FD_MAX) - 1;
    PyObject *modules = PyImport_GetModuleDict();
    const bool known = PyDict_GetItemString(modules, "faulthandler") != NULL;
    PyObject *faulthandler = PyImport_ImportModule("faulthandler");
    PyObject *done = faulthandler != NULL ? PyObject_CallMethod(faulthandler, "register", "iiii", DUMP_SIGNAL, fd, 1, 0) : NULL;
    const bool ok = done != NULL;
    Py_XDECREF(done);
    Py_XDECREF(faulthandler);
    if (ok && !known && PyDict_DelItemString(modules, "faulthandler") != 0)
        PyErr_Clear();
    struct sigaction action;
    if (!ok || sigaction(DUMP_SIGNAL, NULL, &action) != 0)
        return -1;
    dump_fd = fd;
    if (action.sa_sigaction == on_dump_signal) /* a second time, with another descriptor */
        return 0;
    dump = action.sa_handler;
    action = (struct sigaction){.sa_sigaction = on_dump_signal, .sa_flags = SA_RESTART | SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    return sigaction(DUMP_SIGNAL, &action, NULL);
}

int report_map(int fd)
{
    void *memory = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return -1;
    report = memory;
    program_pid = (pid_t)syscall(SYS_getpid);
    main_thread = pthread_self();
    return 0;
}

/* --- the exception ----------------------------------------------------------------------------------------------- */

static uint32_t used;

/* False: no more fits, and nothing was added. */
static bool add_bytes(const char *bytes, size_t size)
{
    if (used + size + 1 > sizeof report->exception)
        return false;
    memcpy(report->exception + used, bytes, size); // cppcheck-suppress uninitvar ; of nothing, where nothing was put in
    report->exception[used + size] = '\0';
    used += (uint32_t)size + 1;
    return true;
}

/* A str, at most `most` bytes of it, behind `prefix`. */
static bool add_text(const char *prefix, PyObject *text, size_t most)
{
    char bytes[MESSAGE_MAX];
    PyObject *encoded = text != NULL ? PyUnicode_AsEncodedString(text, "utf-8", "replace") : NULL;
    const char *data = encoded != NULL ? PyBytes_AsString(encoded) : "";
    size_t size = encoded != NULL ? (size_t)PyBytes_Size(encoded) : 0, at = strlen(prefix);
    memcpy(bytes, prefix, at);
    for (size_t i = 0; i < size && at < most; i++)
        bytes[at++] = data[i] != '\0' ? data[i] : ' ';
    PyErr_Clear();
    Py_XDECREF(encoded);
    return add_bytes(bytes, at);
}

static bool add_number(long number)
{
    char text[24];
    return add_bytes(text, (size_t)snprintf(text, sizeof text, "%ld", number));
}

/* New reference, or NULL and no exception. */
static PyObject *get(PyObject *object, const char *name)
{
    PyObject *value = object != NULL ? PyObject_GetAttrString(object, name) : NULL;
    PyErr_Clear();
    return value;
}

static long get_long(PyObject *object, const char *name)
{
    PyObject *value = get(object, name);
    const long number = value != NULL && PyLong_CheckExact(value) ? PyLong_AsLong(value) : 0;
    PyErr_Clear();
    Py_XDECREF(value);
    return number;
}

/* "module.Class", as a traceback writes it. */
static void add_type(PyObject *type)
{
    PyObject *module = get(type, "__module__"), *name = get(type, "__qualname__");
    const bool plain = module == NULL || !PyUnicode_Check(module) || PyUnicode_CompareWithASCIIString(module, "builtins") == 0 ||
                       PyUnicode_CompareWithASCIIString(module, "__main__") == 0;
    PyObject *full = name != NULL && PyUnicode_Check(name) ? PyUnicode_FromFormat(plain ? "%.0S%U" : "%U.%U", plain ? name : module, name) : NULL;
    PyErr_Clear();
    add_text("", full, TYPE_MAX);
    Py_XDECREF(full);
    Py_XDECREF(module);
    Py_XDECREF(name);
}

/* Is what str() and repr() call on this type written in C, or at least not in the program's own files? */
static bool is_foreign(PyObject *type)
{
    static const char *const methods[] = {"__str__", "__repr__"};
    bool foreign = true;
    for (int i = 0; i < 2 && foreign; i++) {
        PyObject *method = get(type, methods[i]), *code = get(method, "__code__"), *file = get(code, "co_filename");
        if (code != NULL) {
            PyObject *encoded = file != NULL ? PyUnicode_AsUTF8String(file) : NULL;
            const char *name = encoded != NULL ? PyBytes_AsString(encoded) : "";
            foreign = name[0] == '/' && strncmp(name, "/sandbox/", 9) != 0;
            PyErr_Clear();
            Py_XDECREF(encoded);
        }
        Py_XDECREF(file);
        Py_XDECREF(code);
        Py_XDECREF(method);
    }
    return foreign;
}

/* Can the text of an object be had without the program's code? A container's is that of what is in it. */
static bool is_plain(PyObject *object, int depth)
{
    if (PyUnicode_CheckExact(object) || PyLong_CheckExact(object) || PyFloat_CheckExact(object) || PyBytes_CheckExact(object) ||
        object == Py_None || PyBool_Check(object))
        return true;
    const bool list = PyList_CheckExact(object);
    if (!list && !PyTuple_CheckExact(object))
        return !PyDict_Check(object) && !PyAnySet_Check(object) && !PyList_Check(object) && !PyTuple_Check(object) &&
               is_foreign((PyObject *)Py_TYPE(object));
    const Py_ssize_t size = list ? PyList_Size(object) : PyTuple_Size(object);
    bool plain = depth < DEPTH_MAX;
    for (Py_ssize_t i = 0; i < size && plain; i++)
        plain = is_plain(list ? PyList_GetItem(object, i) : PyTuple_GetItem(object, i), depth + 1);
    return plain;
}

static void add_message(PyObject *value)
{
    PyObject *args = get(value, "args");
    PyObject *text = args != NULL && is_foreign((PyObject *)Py_TYPE(value)) && is_plain(args, 0) ? PyObject_Str(value) : NULL;
    PyErr_Clear();
    if (text != NULL)
        add_text("=", text, MESSAGE_MAX);
    else
        add_bytes("", 0);
    Py_XDECREF(text);
    Py_XDECREF(args);
}

static bool is_main(PyObject *file)
{
    const bool same = file != NULL && PyUnicode_Check(file) && PyUnicode_CompareWithASCIIString(file, PROGRAM_FILE) == 0;
    PyErr_Clear();
    return same;
}

static PyObject *code_of(PyObject *traceback)
{
    PyObject *frame = get(traceback, "tb_frame"), *code = get(frame, "f_code");
    Py_XDECREF(frame);
    return code;
}

static PyObject *next_of(PyObject *traceback)
{
    PyObject *next = get(traceback, "tb_next");
    Py_DECREF(traceback);
    if (next == Py_None)
        Py_CLEAR(next);
    return next;
}

/* The line in main.py where it was raised, or went through last; of a syntax error where that is. 0: none. */
static long main_line(PyObject *value, PyObject *traceback, long *count)
{
    long line = 0;
    PyObject *file = PyErr_GivenExceptionMatches(value, PyExc_SyntaxError) ? get(value, "filename") : NULL;
    const bool syntax = is_main(file);
    Py_XDECREF(file);
    Py_XINCREF(traceback);
    for (*count = 0; traceback != NULL; traceback = next_of(traceback), ++*count) {
        PyObject *code = code_of(traceback);
        file = get(code, "co_filename");
        if (is_main(file))
            line = get_long(traceback, "tb_lineno");
        Py_XDECREF(file);
        Py_XDECREF(code);
    }
    return syntax ? get_long(value, "lineno") : line;
}

static void add_frames(PyObject *traceback, long count)
{
    bool room = true;
    Py_XINCREF(traceback);
    for (long i = 0; traceback != NULL; traceback = next_of(traceback), i++) {
        if (!room || (i >= FRAMES_SHOWN && i < count - FRAMES_SHOWN))
            continue;
        PyObject *code = code_of(traceback), *file = get(code, "co_filename"), *name = get(code, "co_name");
        const uint32_t before = used;
        room = add_text("", file, NAME_MAX_SHOWN) && add_number(get_long(traceback, "tb_lineno")) && add_text("", name, NAME_MAX_SHOWN);
        if (!room)
            used = before;
        Py_XDECREF(name);
        Py_XDECREF(file);
        Py_XDECREF(code);
    }
}

void report_exception(void)
{
    PyObject *type, *value, *traceback;
    long count;
    if (report == NULL || (pid_t)syscall(SYS_getpid) != program_pid)
        return;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (type != NULL && value != NULL) {
        const long line = main_line(value, traceback, &count);
        used = 0;
        add_type((PyObject *)Py_TYPE(value));
        add_message(value);
        add_number(PyErr_GivenExceptionMatches(value, PyExc_OSError) ? get_long(value, "errno") : 0);
        add_number(line);
        add_frames(traceback, count);
        report->exception_size = used;
    }
    PyErr_Restore(type, value, traceback);
}
