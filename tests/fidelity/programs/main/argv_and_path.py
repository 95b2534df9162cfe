import os
import sys

print(sys.argv, sys.orig_argv[1:])
print(sys.path[0])
print(os.path.basename(sys.executable), sys.executable)
print(sys.path[1:])
