import os

for path in ("/proc/kcore", "/proc/kallsyms", "/proc/sysrq-trigger", "/sys/kernel", "/sys/fs/cgroup/memory", "/dev/mem", "/dev/kmsg", "/run/docker.sock"):
    try:
        data = open(path, "rb").read(10)
        print(path, "read", data)
    except OSError:
        print(path, "no")
