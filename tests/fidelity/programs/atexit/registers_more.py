import atexit


def outer():
    print("outer")
    atexit.register(print, "registered late")


atexit.register(outer)
