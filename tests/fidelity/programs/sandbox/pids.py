import os

print(os.getpid() < 10, os.getppid() < 10)
print(sorted(int(n) for n in os.listdir("/proc") if n.isdigit()) [-1] < 10)
