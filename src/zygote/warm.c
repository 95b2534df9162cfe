/* warm.c: see program_warm() in zygote.h. Measured: a first program in a fresh fork spends most of its time in
 * copy-on-write faults; a second one runs several times faster. */
#include "zygote/zygote.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Touches what nearly every program touches: compiler, calls, strings, containers, exceptions, print. Standard output
 * is /dev/null meanwhile. Defines no class and keeps nothing. */
static char source[] =
    "import sys\n"
    "def f(n, *a, **k):\n"
    "    return [str(i) for i in range(n)]\n"
    "try:\n"
    "    d = {i: f'{i!r} {i:5.2f}' for i in range(20)}\n"
    "    print('warm', sum(range(10)), *f(3), sorted(d)[0], sep=' ', flush=True)\n"
    "    g = (x * 2 for x in f(2, k=1)); ''.join(g)\n"
    "    1 / 0\n"
    "except ZeroDivisionError as e:\n"
    "    print(e)\n";

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
