/* hygiene.c: what a zygote has imported ahead of time must not show in its programs: state that is random in a new
 * interpreter is random in each of them, and a program's own file comes before a preloaded module of the same name.
 *
 * The interpreter does its own part after a fork (it seeds `random`); libraries that register with it do theirs. */
#include "zygote/zygote.h"

#include <dirent.h>
#include <stdbool.h>
#include <string.h>

static PyObject *seed_numpy; /* numpy.random.seed, where numpy.random was preloaded */
static PyObject *uuid;       /* the module, where it was preloaded */
static PyObject *generators; /* tuple of the random.Random that modules keep for themselves; random's own the interpreter seeds */
static PyObject *preloaded;  /* set of the top-level names that `python3 main.py` would not have in sys.modules yet */

/* An attribute of a module that somebody has imported: a new reference; NULL without an exception where there is none. */
static PyObject *attribute_of_imported(const char *module_name, const char *name)
{
    PyObject *module = PyDict_GetItemString(PyImport_GetModuleDict(), module_name);
    PyObject *value = module != NULL ? PyObject_GetAttrString(module, name) : NULL;
    PyErr_Clear();
    return value;
}

/* sympy has one in each of several modules. */
static int find_generators(void)
{
    PyObject *type = attribute_of_imported("random", "Random"), *seed = attribute_of_imported("random", "seed");
    PyObject *own = seed != NULL ? PyObject_GetAttrString(seed, "__self__") : NULL;
    PyObject *gc = PyImport_ImportModule("gc"), *objects = gc != NULL ? PyObject_CallMethod(gc, "get_objects", NULL) : NULL;
    PyObject *found = PyList_New(0);
    int r = type != NULL && own != NULL && objects != NULL && found != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; r == 0 && i < PyList_Size(objects); i++) {
        PyObject *object = PyList_GetItem(objects, i);
        if ((PyObject *)Py_TYPE(object) == type && object != own)
            r = PyList_Append(found, object);
    }
    generators = r == 0 ? PyList_AsTuple(found) : NULL;
    Py_XDECREF(found);
    Py_XDECREF(objects);
    Py_XDECREF(gc);
    Py_XDECREF(own);
    Py_XDECREF(seed);
    Py_XDECREF(type);
    return generators != NULL ? 0 : -1;
}

int hygiene_prepare(PyObject *names)
{
    seed_numpy = attribute_of_imported("numpy.random", "seed");
    uuid = PyDict_GetItemString(PyImport_GetModuleDict(), "uuid");
    Py_XINCREF(uuid);
    preloaded = names;
    Py_INCREF(preloaded);
    return find_generators();
}

int hygiene_renew(void)
{
    for (Py_ssize_t i = 0; i < PyTuple_Size(generators); i++) {
        PyObject *none = PyObject_CallMethod(PyTuple_GetItem(generators, i), "seed", NULL);
        if (none == NULL)
            return -1;
        Py_DECREF(none);
    }
    if (seed_numpy != NULL) { /* with no argument: from the kernel's random numbers */
        PyObject *none = PyObject_CallObject(seed_numpy, NULL);
        if (none == NULL)
            return -1;
        Py_DECREF(none);
    }
    if (uuid == NULL)
        return 0;
    /* The node is random where no network card gives it; the timestamp decides how uuid1() goes on counting. */
    return PyObject_SetAttrString(uuid, "_node", Py_None) == 0 ? PyObject_SetAttrString(uuid, "_last_timestamp", Py_None) : -1;
}

/* Removes a module and its submodules from sys.modules. */
static int forget_module(const char *name)
{
    PyObject *modules = PyImport_GetModuleDict(), *keys = PyDict_Keys(modules);
    const size_t size = strlen(name);
    int r = keys != NULL ? 0 : -1;
    for (Py_ssize_t i = 0; r == 0 && i < PyList_Size(keys); i++) {
        PyObject *key = PyList_GetItem(keys, i), *bytes = PyUnicode_AsUTF8String(key);
        const char *text = bytes != NULL ? PyBytes_AsString(bytes) : NULL;
        if (text == NULL)
            PyErr_Clear(); /* a key that is no text is none of ours */
        else if (strncmp(text, name, size) == 0 && (text[size] == '\0' || text[size] == '.'))
            r = PyDict_DelItem(modules, key);
        Py_XDECREF(bytes);
    }
    Py_XDECREF(keys);
    return r;
}

int hygiene_forget_shadowed(void)
{
    DIR *dir = opendir(".");
    int r = dir != NULL ? 0 : -1;
    for (struct dirent *entry; r == 0 && (entry = readdir(dir)) != NULL;) {
        char name[sizeof entry->d_name];
        strcpy(name, entry->d_name);
        name[strcspn(name, ".")] = '\0';
        PyObject *text = PyUnicode_DecodeFSDefault(name);
        const int found = text != NULL ? PySet_Contains(preloaded, text) : -1;
        Py_XDECREF(text);
        r = found > 0 ? forget_module(name) : found;
    }
    if (dir != NULL)
        closedir(dir);
    return r;
}
