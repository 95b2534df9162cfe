import os
import sys

if not os.path.exists("/dev/full"):
    sys.exit("no /dev/full")
fd = os.open("/dev/full", os.O_WRONLY)
os.dup2(fd, 1)
print("x")
