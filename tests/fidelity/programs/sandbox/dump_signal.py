import signal

status = dict(line.split(":", 1) for line in open("/proc/self/status"))
caught = int(status["SigCgt"], 16)
print([n for n in range(1, 65) if caught >> (n - 1) & 1 and n not in (2, 32, 33)])
print(signal.getsignal(64) in (0, signal.SIG_DFL))
