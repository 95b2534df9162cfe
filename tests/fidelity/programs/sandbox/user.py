import os

print(os.getuid() != 0, os.getgid() != 0, os.getgroups() in ([], [os.getgid()], [65534]))
open("/etc/shadow")
