import atexit

atexit.register(print, "a")
atexit.register(print, "b")
atexit.unregister(print)
atexit.register(print, "c")
print(atexit._ncallbacks())
