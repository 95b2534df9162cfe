import os

for path in ("/x", "/usr/x", "/usr/lib/python3/x", "/etc/x", os.path.dirname(os.__file__) + "/x.py", "/proc/x", "/root/x"):
    try:
        open(path, "w")
        print("wrote", path)
    except OSError as error:
        print("no")
