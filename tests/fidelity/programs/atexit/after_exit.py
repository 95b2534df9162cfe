import atexit
import sys

atexit.register(lambda: print("ran", flush=True))
sys.exit(4)
