import os

print(sorted(int(n) for n in os.listdir("/proc/self/fd"))[:3])
print(os.open("/dev/null", os.O_RDONLY))
