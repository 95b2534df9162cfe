/* warm.c: see program_warm() in zygote.h. Measured: a first program in a fresh fork spends most of its time in
 * copy-on-write faults; a second one runs several times faster. */
#include "zygote/zygote.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Touches what every program touches, and no more: a page that the program does not write after all has been copied for
 * nothing (functions, containers and exceptions cost a hundred pages more, half a millisecond of every run). Standard
 * output is a pipe that nobody reads meanwhile. */
static char source[] = "x = sum(range(10))\n"
                       "print(f'warm {x}')\n";

int program_warm(void)
{
    FILE *file = fmemopen(source, sizeof source - 1, "r");
    PyObject *namespace = PyDict_New();
    PyObject *builtins = PyImport_ImportModule("builtins");
    PyObject *result = NULL;
    if (file != NULL && namespace != NULL && builtins != NULL &&
        PyDict_SetItemString(namespace, "__builtins__", builtins) == 0) {
        result = run_file(file, "warm.py", namespace);
        file = NULL; /* run_file() closed it */
    }
    if (file != NULL)
        fclose(file);
    if (namespace != NULL)
        PyDict_Clear(namespace); /* its function refers back to it: without this it would stay */
    Py_XDECREF(namespace);
    Py_XDECREF(builtins);
    Py_XDECREF(result);
    finish_warm();
    return result != NULL ? 0 : -1;
}

int zygote_warm(void)
{
    int mute[2];
    if (pipe2(mute, O_CLOEXEC) != 0)
        return -1;
    const int output = fcntl(1, F_DUPFD_CLOEXEC, 64);
    int r = output >= 0 && dup2(mute[1], 1) == 1 ? program_warm() : -1;
    /* The linker looks a function up at its first call: what the interpreter calls in each fork is called here. */
    Py_tss_t *key = PyThread_tss_alloc();
    if (key != NULL && PyThread_tss_create(key) != 0)
        r = -1;
    PyThread_tss_free(key);
    if (output >= 0 && dup2(output, 1) < 0)
        r = -1;
    /* No fork has to close /dev/null: see enter_nest(). */
    if (dup2(mute[0], 0) < 0)
        r = -1;
    close(output);
    close(mute[0]);
    close(mute[1]);
    return r;
}
