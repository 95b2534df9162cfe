import atexit
import os

atexit.register(print, "never")
atexit.register(os._exit, 8)
print("end")
