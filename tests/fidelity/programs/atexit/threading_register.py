import atexit
import threading

threading._register_atexit(print, "threading's")
atexit.register(print, "atexit's")
print("end")
