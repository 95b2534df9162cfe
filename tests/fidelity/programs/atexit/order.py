import atexit

atexit.register(print, "first registered, last run")
atexit.register(print, "second")


@atexit.register
def third():
    print("third")


print("main ends")
