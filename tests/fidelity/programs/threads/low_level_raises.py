import _thread
import sys
import time

sys.unraisablehook = lambda i: print("unraisable", i.exc_type.__name__)
_thread.start_new_thread(lambda: 1 / 0, ())
time.sleep(0.2)
print("main")
