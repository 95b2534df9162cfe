import fcntl
import os

f = open("lock", "w")
fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
g = open("lock", "w")
try:
    fcntl.flock(g, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError as error:
    print(error)
fcntl.lockf(f, fcntl.LOCK_EX)
print(fcntl.fcntl(f, fcntl.F_GETFD), os.get_inheritable(f.fileno()), os.get_blocking(f.fileno()))
