import sys
import weakref


class A:
    pass


def gone(_):
    raise KeyError("callback")


sys.unraisablehook = lambda info: print(info.exc_type.__name__, info.err_msg, info.object is gone)
a = A()
r = weakref.ref(a, gone)
del a
print(r())
