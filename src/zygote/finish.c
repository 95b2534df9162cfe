/* finish.c: the end of a program. CPython's own way, Py_FinalizeEx(), takes milliseconds to free what the kernel frees
 * anyway. What a program can see of it is: threads are waited for, atexit functions run, finalizers (__del__, suspended
 * generators, open files) run, the streams are flushed. The first, second and last are done here; only when something
 * alive has a finalizer does the program pay for the real one. */
#include "zygote/zygote.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_FLUSH_FAILED = 120 }; /* as CPython's Py_RunMain() */

static PyObject *get_objects, *freeze, *io_base;
/* What there is to do at the end is asked first: the answer is nearly always "nothing", and much cheaper. */
static PyObject *count_threads;                     /* _thread._count() */
static Py_ssize_t thread_callbacks_before;          /* of threading._threading_atexits, where it was preloaded */
static PyObject *atexit_module, *count_callbacks;   /* atexit._ncallbacks() */
static PyObject *logging, *log_handlers;            /* logging._handlerList; NULL where it was not preloaded */
static Py_ssize_t log_handlers_before;
static PyTypeObject *lazy_types[3]; /* generator, coroutine, async generator */

/* From 3.13 on the interpreter has its own words for a stream that cannot be flushed. */
static void (*format_unraisable)(const char *format, ...);
static const char *flush_words;

static void prepare_words(void)
{
    const int minor = atoi(strchr(Py_GetVersion(), '.') + 1);
    if (minor < 13)
        return;
    *(void **)&format_unraisable = dlsym(RTLD_DEFAULT, "PyErr_FormatUnraisable");
    flush_words = minor == 13 ? "Exception ignored on flushing sys.stdout" : "Exception ignored while flushing sys.stdout";
}

static PyTypeObject *type_named(const char *name)
{
    PyObject *types = PyImport_ImportModule("types");
    PyObject *type = types != NULL ? PyObject_GetAttrString(types, name) : NULL;
    Py_XDECREF(types);
    return (PyTypeObject *)type;
}

static PyObject *attribute(const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *value = module != NULL ? PyObject_GetAttrString(module, name) : NULL;
    Py_XDECREF(module);
    return value;
}

/* A module that somebody has imported, or NULL; borrowed. */
static PyObject *imported(const char *name)
{
    return PyDict_GetItemString(PyImport_GetModuleDict(), name);
}

static Py_ssize_t count_thread_callbacks(PyObject *threading)
{
    PyObject *list = PyObject_GetAttrString(threading, "_threading_atexits");
    Py_ssize_t count = list != NULL ? PyList_Size(list) : -1;
    Py_XDECREF(list);
    PyErr_Clear();
    return count;
}

/* logging registers its shutdown when it is imported. Where the zygote did that, the callback is taken back: the
 * program's own are then the only ones, and logging's turn comes after them, as it would. */
static int prepare_logging(void)
{
    if (imported("logging") == NULL)
        return 0;
    logging = PyImport_ImportModule("logging");
    log_handlers = attribute("logging", "_handlerList");
    PyObject *shutdown = attribute("logging", "shutdown");
    PyObject *none = shutdown != NULL ? PyObject_CallMethod(atexit_module, "unregister", "O", shutdown) : NULL;
    Py_XDECREF(shutdown);
    Py_XDECREF(none);
    if (logging == NULL || log_handlers == NULL || none == NULL)
        return -1;
    log_handlers_before = PyList_Size(log_handlers);
    return 0;
}

static int prepare_callbacks(void)
{
    PyObject *threading = imported("threading");
    thread_callbacks_before = threading != NULL ? count_thread_callbacks(threading) : 0;
    count_threads = attribute("_thread", "_count");
    atexit_module = PyImport_ImportModule("atexit");
    count_callbacks = attribute("atexit", "_ncallbacks");
    return count_threads != NULL && atexit_module != NULL && count_callbacks != NULL ? prepare_logging() : -1;
}

int finish_prepare(void)
{
    prepare_words();
    if (prepare_callbacks() != 0)
        return -1;
    PyObject *gc = PyImport_ImportModule("gc");
    PyObject *io = PyImport_ImportModule("_io");
    if (gc == NULL || io == NULL)
        return -1;
    get_objects = PyObject_GetAttrString(gc, "get_objects");
    freeze = PyObject_GetAttrString(gc, "freeze");
    io_base = PyObject_GetAttrString(io, "_IOBase");
    Py_DECREF(gc);
    Py_DECREF(io);
    lazy_types[0] = type_named("GeneratorType");
    lazy_types[1] = type_named("CoroutineType");
    lazy_types[2] = type_named("AsyncGeneratorType");
    return get_objects != NULL && freeze != NULL && io_base != NULL && lazy_types[0] != NULL && lazy_types[1] != NULL &&
                   lazy_types[2] != NULL
               ? 0
               : -1;
}

/* True where the type, or one that it inherits from, has a finalizer. */
static bool has_finalizer(PyTypeObject *type)
{
    PyErr_Clear();
    void *slot = PyType_GetSlot(type, Py_tp_finalize);
    if (slot != NULL)
        return true;
    if (!PyErr_Occurred())
        return PyType_GetSlot(type, Py_tp_del) != NULL;
    PyErr_Clear(); /* before 3.10 a static type cannot be asked: the ones that matter are files */
    return PyType_IsSubtype(type, (PyTypeObject *)io_base);
}

/* A generator or coroutine that has not come to its end: closing it may run code. */
static bool is_suspended(PyObject *object, PyTypeObject *type)
{
    static const char *const frames[] = {"gi_frame", "cr_frame", "ag_frame"};
    for (int i = 0; i < 3; i++)
        if (type == lazy_types[i]) {
            PyObject *frame = PyObject_GetAttrString(object, frames[i]);
            Py_XDECREF(frame);
            PyErr_Clear();
            return frame != Py_None;
        }
    return false;
}

static bool is_lazy(PyTypeObject *type)
{
    return type == lazy_types[0] || type == lazy_types[1] || type == lazy_types[2];
}

/* Looks at what the collector tracks and the zygote did not have: classes that define a finalizer, and objects of any
 * type that has one. */
static bool needs_finalization(void)
{
    PyObject *objects = PyObject_CallObject(get_objects, NULL);
    if (objects == NULL) {
        PyErr_Clear();
        return true;
    }
    bool found = false;
    Py_ssize_t count = PyList_Size(objects);
    PyTypeObject *clean = NULL; /* the type seen last: objects of one type stand together */
    for (Py_ssize_t i = 0; i < count && !found; i++) {
        PyObject *object = PyList_GetItem(objects, i);
        PyTypeObject *type = Py_TYPE(object);
        if (PyType_Check(object))
            found = has_finalizer((PyTypeObject *)object);
        if (type == clean || found)
            continue;
        if (is_lazy(type)) { /* their types have a finalizer that does nothing at the end of the code */
            found = is_suspended(object, type);
        } else {
            found = has_finalizer(type);
            clean = type;
        }
    }
    Py_DECREF(objects);
    return found;
}

/* -1 where the call fails or tells no number: the caller then does the full work. */
static long call_for_int(PyObject *function)
{
    PyObject *result = PyObject_CallObject(function, NULL);
    long value = result != NULL ? PyLong_AsLong(result) : -1;
    Py_XDECREF(result);
    PyErr_Clear();
    return value;
}

static void call_method(PyObject *module, const char *function)
{
    PyObject *result = PyObject_CallMethod(module, function, NULL);
    if (result == NULL)
        PyErr_WriteUnraisable(module);
    Py_XDECREF(result);
}

/* Waits for the program's threads. With none alive, and nothing new registered for their end, there is nothing to do. */
static void wait_for_threads(void)
{
    PyObject *threading = imported("threading");
    if (call_for_int(count_threads) != 0 ||
        (threading != NULL && count_thread_callbacks(threading) != thread_callbacks_before)) {
        if (threading != NULL)
            call_method(threading, "_shutdown");
    }
}

/* As CPython's flush_std_files(): a stream that is None or closed is fine. */
static int flush_stream(const char *name, bool report)
{
    PyObject *stream = PySys_GetObject(name);
    if (stream == NULL || stream == Py_None)
        return 0;
    PyObject *closed = PyObject_GetAttrString(stream, "closed");
    int is_closed = closed != NULL ? PyObject_IsTrue(closed) : 0;
    Py_XDECREF(closed);
    PyErr_Clear();
    if (is_closed == 1)
        return 0;
    PyObject *result = PyObject_CallMethod(stream, "flush", NULL);
    if (result == NULL && report && format_unraisable != NULL)
        format_unraisable(flush_words);
    else if (result == NULL && report)
        PyErr_WriteUnraisable(stream);
    PyErr_Clear();
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

void finish_warm(void)
{
    wait_for_threads(); /* there are none */
    call_for_int(count_callbacks);
    needs_finalization();
    flush_stream("stdout", false);
    flush_stream("stderr", false);
    fflush(NULL);
    Py_XDECREF(PyObject_CallObject(freeze, NULL)); /* needs_finalization() then sees the program's own objects only */
    PyErr_Clear();
}

/* As CPython's handle_system_exit(): None is 0, an integer itself, anything else is printed and 1. */
static int system_exit_code(void)
{
    PyObject *type, *value, *traceback, *code = NULL;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    fflush(stdout);
    if (value != NULL)
        code = PyObject_GetAttrString(value, "code");
    if (code == NULL) {
        PyErr_Clear();
        code = value;
        Py_XINCREF(code);
    }
    int exit_code = 0;
    if (code != NULL && PyLong_Check(code)) {
        exit_code = (int)PyLong_AsLong(code);
    } else if (code != NULL && code != Py_None) {
        PyObject *stream = PySys_GetObject("stderr");
        PyErr_Clear();
        if (stream != NULL && stream != Py_None && PyFile_WriteObject(code, stream, Py_PRINT_RAW) != 0)
            PyErr_Clear();
        PySys_WriteStderr("\n");
        exit_code = 1;
    }
    PyErr_Clear();
    Py_XDECREF(code);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return exit_code;
}

_Noreturn void program_finish(int ok)
{
    int exit_code = 0;
    bool interrupted = false;

    if (!ok && PyErr_ExceptionMatches(PyExc_SystemExit)) {
        exit_code = system_exit_code();
    } else if (!ok) {
        interrupted = PyErr_ExceptionMatches(PyExc_KeyboardInterrupt);
        report_exception();
        PyErr_Print(); /* a SystemExit out of the program's own excepthook ends the process in here */
        exit_code = 1;
    }
    wait_for_threads();
    if (call_for_int(count_callbacks) != 0)
        call_method(atexit_module, "_run_exitfuncs");
    if (log_handlers != NULL && PyList_Size(log_handlers) != log_handlers_before)
        call_method(logging, "shutdown");
    if (needs_finalization()) { /* flushes the streams, too */
        if (Py_FinalizeEx() != 0)
            exit_code = EXIT_FLUSH_FAILED;
    } else {
        if (flush_stream("stdout", true) != 0)
            exit_code = EXIT_FLUSH_FAILED;
        if (flush_stream("stderr", false) != 0)
            exit_code = EXIT_FLUSH_FAILED;
    }
    fflush(NULL); /* C code in the program's extensions may have printed */
    if (interrupted) { /* as a shell expects it: death by the signal */
        signal(SIGINT, SIG_DFL);
        kill(getpid(), SIGINT);
        exit_code = 130;
    }
    _exit(exit_code);
}
