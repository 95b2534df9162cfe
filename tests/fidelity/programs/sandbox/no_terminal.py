import os

print(os.isatty(0))
try:
    open("/dev/tty")
except OSError as error:
    print(type(error).__name__)
