import atexit
import weakref


class Loud:
    def __del__(self):
        print("3 del")


x = Loud()
weakref.finalize(x, print, "finalize")
atexit.register(print, "atexit")
print("end")
