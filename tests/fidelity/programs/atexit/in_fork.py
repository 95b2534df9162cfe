import atexit
import os

atexit.register(lambda: print("atexit in", who))
who = "parent"
pid = os.fork()
if pid == 0:
    who = "child"
else:
    os.waitpid(pid, 0)
