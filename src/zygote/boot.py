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


def learn(names, wanted):
    """Imports modules for which nobody has vouched. Returns sets of them, as bits by their place in `names`: those that did not come
    with others, all that are there, and the one that a fork cannot take along, with the reason."""
    import os

    descriptors = lambda: set(os.listdir("/proc/self/fd"))
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


def boot():
    import gc

    sys.path.insert(0, "/.hatchery")
    import _hatchery

    del sys.path[0], sys.modules["_hatchery"]
    channel, settings, preload = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    sys.dont_write_bytecode = True  # nothing could be written here
    before = set(sys.modules)
    for name in COMMON + [n for n in preload.split(",") if n]:
        __import__(name)
    learned = learn([n for n in sys.argv[4].split(",") if n], int(sys.argv[5]))
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

boot()
raise SystemError("hatchery")
