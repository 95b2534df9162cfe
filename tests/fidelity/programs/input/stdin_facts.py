import os
import stat
import sys

print(sys.stdin.name, sys.stdin.mode, sys.stdin.encoding, sys.stdin.errors, sys.stdin.line_buffering)
print(sys.stdin.fileno(), sys.stdin.closed, sys.stdin.readable(), sys.stdin.writable())
print(os.read(0, 10))
print(stat.S_ISCHR(os.fstat(0).st_mode))
