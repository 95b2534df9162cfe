import signal

for s in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGUSR1, signal.SIGHUP, signal.SIGALRM, signal.SIGSEGV):
    h = signal.getsignal(s)
    print(s.name, getattr(h, "name", None) or getattr(h, "__name__", h))
print(signal.pthread_sigmask(signal.SIG_BLOCK, []), signal.sigpending(), signal.getitimer(signal.ITIMER_REAL))
