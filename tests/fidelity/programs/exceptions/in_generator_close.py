import sys


def stubborn():
    try:
        yield 1
    finally:
        print("closing")
        raise OSError("in close")


sys.unraisablehook = lambda info: print(type(info.exc_value).__name__, info.exc_value)
g = stubborn()
next(g)
del g
print("after")
