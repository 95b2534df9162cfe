import os
import sys
import time

print(os.getpgid(0) > 0, os.getsid(0) >= 0, os.getppid() >= 0, os.cpu_count() >= 1)
print(os.ctermid(), os.times().user >= 0, time.process_time() < 5, os.nice(0))
try:
    os.get_terminal_size()
except OSError as error:
    print(error)
import shutil

print(shutil.get_terminal_size())
try:
    os.getlogin()
except OSError:
    print("no login")
