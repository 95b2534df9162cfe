import weakref


class A:
    pass


a = A()
b = A()
weakref.finalize(a, print, "finalize a")
weakref.finalize(b, print, "finalize b")
f = weakref.finalize(b, print, "not at exit")
f.atexit = False
print("end")
