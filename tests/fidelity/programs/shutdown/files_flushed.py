import os
import subprocess
import sys

if os.fork() == 0:
    kept = open("left-open.txt", "w")
    kept.write("flushed at exit although never closed")
    sys.exit(0)
os.wait()
print(open("left-open.txt").read())
