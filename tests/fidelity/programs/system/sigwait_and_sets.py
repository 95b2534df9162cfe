import os
import signal

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
os.kill(os.getpid(), signal.SIGUSR1)
print(signal.sigpending(), signal.sigwait({signal.SIGUSR1}).name)
print(signal.sigtimedwait({signal.SIGUSR2}, 0.01))
r, w = os.pipe()
os.set_blocking(w, False)
signal.set_wakeup_fd(w)
signal.signal(signal.SIGUSR2, lambda *a: None)
signal.raise_signal(signal.SIGUSR2)
print(os.read(r, 5) == bytes([signal.SIGUSR2]))
