import atexit

atexit.register(print, "atexit ran")
1 / 0
