import os

try:
    os.ttyname(0)
except OSError as error:
    print(error)
print(os.isatty(0), os.environ.get("TERM"), os.device_encoding(0))
