import atexit

atexit.register(print, "a")
atexit.register(print, "b")
atexit.unregister(print)
atexit.register(print, "c")
before = atexit._ncallbacks()
atexit.register(print, "d")
print(atexit._ncallbacks() - before)
