import atexit
import sys

atexit.register(print, "later")
atexit.register(sys.exit, 5)
print("end")
