import os
import signal

print(signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN)
r, w = os.pipe()
os.close(r)
os.write(w, b"x")
