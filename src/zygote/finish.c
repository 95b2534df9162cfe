/* finish.c: the end of a program. CPython's own way, Py_FinalizeEx(), takes milliseconds to free what the kernel frees
 * anyway. What a program can see of it is: threads are waited for, atexit functions run, finalizers (__del__, suspended
 * generators, open files) run, the streams are flushed. The first, second and last are done here; only when something
 * alive has a finalizer does the program pay for the real one. */
#include "zygote/zygote.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_FLUSH_FAILED = 120 }; /* as CPython's Py_RunMain() */

static PyObject *get_objects, *freeze, *io_base;
/* What there is to do at the end is asked first: the answer is nearly always "nothing", and much cheaper. */
static PyObject *threading, *count_threads, *thread_callbacks; /* _thread._count(), threading._threading_atexits */
static PyObject *atexit_module, *count_callbacks;              /* atexit._ncallbacks() */
static PyObject *logging, *log_handlers;                       /* logging._handlerList */
static Py_ssize_t thread_callbacks_before, log_handlers_before;
static PyTypeObject *lazy_types[3]; /* generator, coroutine, async generator */

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

/* logging registers its shutdown when it is imported, which the zygote did: the program's own callbacks are then the
 * only ones, and logging's turn comes after them, as it would be. */
static int prepare_callbacks(void)
{
    threading = PyImport_ImportModule("threading");
    atexit_module = PyImport_ImportModule("atexit");
    logging = PyImport_ImportModule("logging");
    count_threads = attribute("_thread", "_count");
    count_callbacks = attribute("atexit", "_ncallbacks");
    log_handlers = attribute("logging", "_handlerList");
    thread_callbacks = attribute("threading", "_threading_atexits");
    PyObject *shutdown = attribute("logging", "shutdown");
    if (threading == NULL || atexit_module == NULL || logging == NULL || count_threads == NULL || count_callbacks == NULL ||
        log_handlers == NULL || thread_callbacks == NULL || shutdown == NULL)
        return -1;
    PyObject *none = PyObject_CallMethod(atexit_module, "unregister", "O", shutdown);
    Py_DECREF(shutdown);
    Py_XDECREF(none);
    thread_callbacks_before = PyList_Size(thread_callbacks);
    log_handlers_before = PyList_Size(log_handlers);
    return none != NULL ? 0 : -1;
}

int finish_prepare(void)
{
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

/* With no thread alive, and nothing new registered for their end, threading._shutdown() has no effect. */
static bool threads_to_wait_for(void)
{
    return call_for_int(count_threads) != 0 || PyList_Size(thread_callbacks) != thread_callbacks_before;
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
    if (result == NULL && report)
        PyErr_WriteUnraisable(stream);
    PyErr_Clear();
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

void finish_warm(void)
{
    threads_to_wait_for();
    call_for_int(count_callbacks);
    needs_finalization();
    flush_stream("stdout", false);
    flush_stream("stderr", false);
    fflush(NULL);
    Py_XDECREF(PyObject_CallObject(freeze, NULL)); /* needs_finalization() then sees the program's own objects only */
    PyErr_Clear();
}

static void call_method(PyObject *module, const char *function)
{
    PyObject *result = PyObject_CallMethod(module, function, NULL);
    if (result == NULL)
        PyErr_WriteUnraisable(module);
    Py_XDECREF(result);
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
        PyErr_Print(); /* a SystemExit out of the program's own excepthook ends the process in here */
        exit_code = 1;
    }
    if (threads_to_wait_for())
        call_method(threading, "_shutdown");
    if (call_for_int(count_callbacks) != 0)
        call_method(atexit_module, "_run_exitfuncs");
    if (PyList_Size(log_handlers) != log_handlers_before)
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
