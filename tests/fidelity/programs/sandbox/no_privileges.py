import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
for name, call in {
    "setuid": lambda: os.setuid(0),
    "setgid": lambda: os.setgid(0),
    "chroot": lambda: os.chroot("."),
    "chown": lambda: os.chown("main.py", 0, 0),
    "nice": lambda: os.nice(-5),
    "sethostname": lambda: __import__("socket").sethostname("x"),
    "mknod": lambda: os.mknod("device", 0o600 | 0o020000, os.makedev(1, 3)),
}.items():
    try:
        call()
        print(name, "allowed")
    except OSError as error:
        print(name, "refused")
for name, arguments in {"unshare": (0x10000000,), "mount": (b"none", b"/tmp", b"tmpfs", 0, 0), "ptrace": (0, 0, 0, 0)}.items():
    print(name, "refused" if getattr(libc, name)(*arguments) == -1 else "allowed")
