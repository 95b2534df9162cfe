# boot.py: what the environment's interpreter runs (python -c) to become a zygote: load the extension, import what the
# environment preloads, make the state that every program starts with, then hand over to C.
#
# C takes over through sys.excepthook: the interpreter calls it with no Python frame below, so a program that it
# runs has the bare stack that `python3 main.py` has: no frame of ours in any traceback or inspection.
import sys


def write_inventory(fd):
    """What can be imported, and what is installed, by the names of files alone (see message_environment)."""
    import os

    modules, packages = set(sys.builtin_module_names), set()
    for folder in sys.path:
        try:
            names = os.listdir(folder) if folder else []
        except OSError:
            continue
        for name in names:
            stem, _, ending = name.partition(".")
            if name.endswith((".dist-info", ".egg-info")):
                project, _, version = name.rpartition(".")[0].partition("-")
                packages.add(f"p {project.replace('_', '-')} {version.partition('-')[0]}".rstrip())
            elif stem.isidentifier() and stem != "__pycache__" and (not ending or ending == "py" or name.endswith(".so")):
                modules.add(stem)
    lines = [f"m {name}" for name in sorted(modules)] + sorted(packages)
    with open(fd, "w", encoding="utf-8", errors="replace") as file:
        file.write("\n" + "\n".join(lines) + "\n")


def inventory():
    """The memory file; a child writes it, so that what that needs does not stay in this process."""
    import os

    try:
        fd = os.memfd_create("inventory")
    except (AttributeError, OSError):
        return -1
    if os.fork() == 0:
        try:
            write_inventory(fd)
        finally:
            os._exit(0)
    os.wait()
    return fd


def descriptors():
    import os

    return {fd for fd in os.listdir("/proc/self/fd") if os.path.lexists("/proc/self/fd/" + fd)}  # but the one that listed them


def learn(names, wanted):
    """Imports modules for which nobody has vouched. Returns sets of them, as bits by their place in `names`: those that did not come
    with others, all that are there, and the one that a fork cannot take along, with the reason."""
    import os

    output = os.memfd_create("output")
    streams = [os.dup(1), os.dup(2)]
    needs = failed = 0
    why = ""
    before = descriptors()
    for stream in (1, 2):
        os.dup2(output, stream)
    for i, name in enumerate(names):
        if not wanted >> i & 1 or name in sys.modules:
            continue
        try:
            __import__(name)
            if len(os.listdir("/proc/self/task")) > 1:
                why = "it starts a thread"
            elif descriptors() != before:
                why = "it keeps descriptors open"
            elif os.lseek(output, 0, os.SEEK_END) > 0:
                why = "it prints"
            else:
                try:
                    os.waitpid(-1, os.WNOHANG)
                    why = "it starts a process"
                except ChildProcessError:
                    pass
        except BaseException as error:
            why = f"{type(error).__name__}: {error}"
        if why:
            failed, why = 1 << i, f"{name}: {why}"
            break
        needs |= 1 << i
    for stream, fd in zip((1, 2), streams):
        os.dup2(fd, stream)
        os.close(fd)
    os.close(output)
    return needs, sum(1 << i for i, name in enumerate(names) if name in sys.modules), failed, why


def exercise(source):
    """What a package does at its first use, and what the interpreter does to a function's code while it is new, is done here once, not
    in every program."""
    try:
        code = compile(source, "exercise", "exec")
        for _ in range(8):  # so often the interpreter looks at a function before it specializes its code
            exec(code, {})
    except Exception:
        pass  # not the package that has this name elsewhere; programs will see what it is


def check_descriptors(before):
    """A program has descriptors of its own under the same numbers: what the zygote opened would read those, and close them."""
    import os

    for fd in descriptors() - before:
        raise ImportError(f"an import keeps {os.readlink('/proc/self/fd/' + fd)} open, which a fork cannot take along")


def boot():
    import gc

    sys.path.insert(0, "/.hatchery")
    import _hatchery

    del sys.path[0], sys.modules["_hatchery"]
    channel, settings, preload = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    sys.dont_write_bytecode = True  # nothing could be written here
    opened, before = descriptors(), set(sys.modules)
    for name in COMMON + [n for n in preload.split(",") if n]:
        __import__(name)
    check_descriptors(opened)
    learned = learn([n for n in sys.argv[4].split(",") if n], int(sys.argv[5]))
    for name, source in EXERCISES.items():
        if name in sys.modules:
            exercise(source)
    check_descriptors(opened)
    sys.dont_write_bytecode = False
    preloaded = {name for name in sys.modules if "." not in name} - before
    stock = inventory() if sys.argv[5] == "0" else -1

    # What `python3 main.py` would see in the working folder.
    path = "/sandbox/main.py"
    main = type(sys)("__main__")
    main.__doc__ = None
    main.__package__ = None
    main.__spec__ = None
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    main.__builtins__ = sys.modules["builtins"]
    from _frozen_importlib_external import SourceFileLoader

    main.__loader__ = SourceFileLoader("__main__", path)
    main.__file__ = path
    main.__cached__ = None
    namespace = main.__dict__
    order = ("__name__", "__doc__", "__package__", "__loader__", "__spec__", "__annotations__", "__builtins__",
             "__file__", "__cached__")
    values = [(k, namespace[k]) for k in order if k in namespace]
    namespace.clear()
    namespace.update(values)
    sys.argv[:] = ["main.py"]
    sys.path[0] = "/sandbox"
    if hasattr(sys, "orig_argv"):
        sys.orig_argv[:] = [sys.executable, "main.py"]
    for name in ("last_type", "last_value", "last_traceback", "last_exc"):
        if hasattr(sys, name):
            delattr(sys, name)

    sys.modules["__main__"] = main
    _hatchery.prepare(main, channel, settings, sys.version.split()[0], stock, preloaded, *learned)
    sys.excepthook = _hatchery.serve
    gc.collect()
    gc.freeze()


# What many programs import, few pages, and nothing that does work at every fork (threading, logging). Every page more makes
# every run dearer: what else an environment's programs need is the setting "preload".
COMMON = ["bisect", "collections", "contextlib", "copy", "datetime", "functools", "heapq", "itertools", "json", "math",
          "operator", "random", "re", "string", "time"]

# By package: what programs do with it first; nothing that keeps a descriptor open, as matplotlib's fonts do. A small groupby takes
# three quarters of the time with this.
EXERCISES = {
    "numpy": """
import numpy as np
a = np.arange(12, dtype=float).reshape(3, 4)
str(a), repr(a), a.sum(), a.mean(axis=0), a.std(), a.max(), a @ a.T, a[a > 3], a.T * 2 + 1, np.sort(a, axis=None), np.linspace(0, 1, 5)
np.array([1, 2, 3]), np.zeros((2, 2)), np.ones(3), np.concatenate([a, a]), np.where(a > 2, a, 0)
""",
    "pandas": """
import io
import pandas as pd
table = pd.DataFrame({"a": [1, 2, 1], "b": [1.0, 2.0, 3.0], "c": ["x", "y", "z"]})
str(table), str(table["b"]), table["b"].sum(), table[table["a"] > 1], table.sort_values("b"), table.describe()
str(table.groupby("a")["b"].sum()), str(table.groupby("a").agg({"b": "mean"}))
pd.read_csv(io.StringIO(table.to_csv(index=False)))
""",
}

boot()
raise SystemError("hatchery")
