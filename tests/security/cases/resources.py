"""More than a run's share of memory, processes, time, files, output."""

from attack import NEW, Attack, refuses  # noqa: F401

ATTACKS = [
    Attack(
        "RES-01 spins",
        """
while True: pass
""",
        status='timeout',
        timeout=0.5,
    ),
    Attack(
        "RES-03 ignores every signal",
        """
import signal
for s in range(1, 65):
    try: signal.signal(s, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True: pass
""",
        status='timeout',
        timeout=0.5,
    ),
    Attack(
        "RES-04 one huge block",
        """
try:
    x = bytearray(10**11)
    print('allowed')
except MemoryError: print('MemoryError')
""",
        '^(MemoryError\n)?',
        status={'ok', 'memory_limit'},
    ),
    Attack(
        "RES-05 many small blocks",
        """
l = []
while True: l.append(bytearray(1 << 20))
""",
        status='memory_limit',
        timeout=30,
    ),
    Attack(
        "RES-05 the parent outlives its children",
        """
import time
for _ in range(3):
    if os.fork() == 0:
        l = []
        while True: l.append(bytearray(1 << 20))
time.sleep(30)
print('survived')
""",
        status='memory_limit',
        timeout=40,
    ),
    Attack(
        "RES-06 forks",
        """
while True:
    try: os.fork()
    except OSError: pass
""",
        status='timeout',
        timeout=1,
    ),
    Attack(
        "RES-08 threads",
        """
import threading, time
n = 0
try:
    for n in range(10000): threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
except RuntimeError: print(n < 100)
""",
        'True\n',
        fields={'limits_hit': ['processes']},
    ),
    Attack(
        "RES-09 fills /tmp",
        """
try:
    with open('/tmp/x', 'wb', buffering=0) as f:
        for _ in range(1024): f.write(bytes(1 << 20))
except OSError as e: print(e.errno in (27, 28))
""",
        'True\n',
        status={'ok'},
    ),
    Attack(
        "RES-10 a million files",
        """
n = 0
try:
    while n < 1000000:
        open(f'/tmp/{n}', 'w').close()
        n += 1
except OSError as e: print(e.errno, n < 20000)
""",
        '28 True\n',
        timeout=30,
    ),
    Attack(
        "RES-11 shared memory and memfd",
        """
fd = os.memfd_create('x')
try:
    for _ in range(1024): os.write(fd, bytes(1 << 20))
    print('allowed')
except OSError: print('refused')
""",
        '^(refused\n)?',
        status={'ok', 'memory_limit'},
        timeout=30,
    ),
    Attack(
        "RES-11 pipes",
        """
n = 0
try:
    while n < 10000:
        r, w = os.pipe()
        os.set_blocking(w, False)
        n += 1
        try: os.write(w, bytes(1 << 20))
        except BlockingIOError: pass
except OSError as e: print(e.errno == 24, n < 200)
""",
        'True True\n',
    ),
    Attack(
        "RES-12 floods",
        """
while True: os.write(1, b'x' * 65536)
""",
        '^x.*x$',
        status='output_limit',
        timeout=30,
    ),
    Attack(
        "RES-16 descriptors",
        """
import resource
try: resource.setrlimit(resource.RLIMIT_NOFILE, (100000, 100000))
except (ValueError, OSError): print('refused')
l = []
try:
    while True: l.append(os.open('/dev/null', 0))
except OSError as e: print(e.errno)
""",
        'refused\n24\n',
    ),
    Attack(
        "RES-17 priorities",
        """
say('nice', lambda: os.nice(-20))
say('real time', lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50)))
""",
        refuses("nice", "real time"),
    ),
    Attack(
        "RES-18 in C code",
        """
import re
re.match(r'(a+)+$', 'a' * 64 + 'b')
""",
        status='timeout',
        timeout=0.5,
    ),
    Attack(
        "RES-18 zip bomb",
        r"""
import zlib
b = zlib.compress(bytes(50 << 20))
l = []
while True: l.append(zlib.decompress(b).replace(b'\0', b'x'))
""",
        status='memory_limit',
        timeout=30,
    ),
    Attack(
        "RES-21 sparse file",
        """
try:
    os.truncate('main.py', 1 << 50)
    print('allowed')
except OSError as e: print('refused', e.errno in (27, 22, 28))
""",
        'refused True\n',
    ),
    Attack(
        "RES-22 address space",
        """
import mmap
try:
    m = mmap.mmap(-1, 100 << 40)
    print('reserved')
except (OSError, ValueError, OverflowError, MemoryError): print('refused')
say('mlockall', lambda: system('mlockall', 3))
""",
        '^(refused|reserved)\nmlockall (refused|odd .*)\n',
    ),
    Attack(
        "RES-26 a stopped run ends",
        """
import signal
os.kill(os.getpid(), signal.SIGSTOP)
import time
time.sleep(60)
""",
        status='timeout',
        timeout=0.5,
    ),
    Attack("RES-02 sleeps", "import time\ntime.sleep(1e6)", status="timeout", timeout=0.3, fields={"usage": lambda usage: usage["cpu_user"] + usage["cpu_system"] < 0.25}),
    Attack("RES-13 a byte at a time", "import time\nend = time.monotonic() + 0.5\nn = 0\nwhile time.monotonic() < end:\n    os.write(1, b'x'); n += 1; time.sleep(0.001)\nos.write(2, str(n).encode())", "^x+", error=r"^\d+$"),
    Attack("RES-15 a million lines, and one of a million letters", "sys.stdout.write('\\n' * 10**6)\nsys.stdout.write('y' * 10**6)", "^\n+.*omitted.*y+$"),
    Attack(
        "RES-14 a daemon that keeps the output open",
        """
import signal, time
if os.fork() == 0:
    os.setsid()
    for n in range(1, 65):
        try: signal.signal(n, signal.SIG_IGN)
        except (OSError, ValueError): pass
    if os.fork() == 0:
        time.sleep(60)
        print('too late')
    os._exit(0)
print('done')
""",
        "done\n",
    ),
    Attack(
        "RES-19 an endless traceback",
        "raise ValueError('x' * 10**7)",
        status="error",
        error="omitted",
    ),
    Attack("RES-20 recursion to the end of the stack", "sys.setrecursionlimit(10**9)\ndef f(n): return [f(n + 1)]\nclass A:\n    def __getattr__(self, n): return getattr(self, n + 'x')\nf(0)", status={"signal", "memory_limit", "error"}, timeout=30),
    Attack("RES-23 reads every file", "n = 0\nimport time\nend = time.monotonic() + 1.5\nfor folder, _, names in os.walk('/usr'):\n    for name in names:\n        if time.monotonic() > end: break\n        try:\n            with open(os.path.join(folder, name), 'rb', 0) as f:\n                while f.read(1 << 20): n += 1\n        except OSError: pass\nprint(n > 10)", "True\n", timeout=30),
    Attack("RES-24 writes through", "say('sync', lambda: system('sync'))\nsay('syncfs', lambda: system('syncfs', 0))\nfor n in range(3000):\n    os.rename('/tmp/b', '/tmp/a') if n % 2 else (open('/tmp/a', 'w').close(), os.rename('/tmp/a', '/tmp/b'))\nfd = os.open('/tmp/x', os.O_CREAT | os.O_RDWR)\nfor _ in range(3000): os.write(fd, b'x'); os.fsync(fd)\nprint('end')", "sync refused\nsyncfs refused\nend\n", timeout=30),
    Attack(
        "RES-25 a child that its parent waits for without end",
        """
C.vfork.restype = ctypes.c_int
import subprocess
subprocess.run(['sleep', '1000'], stdin=subprocess.DEVNULL)
""",
        status="timeout",
        timeout=0.4,
    ),
    Attack(
        "RES-27 a flood of signals to init",
        """
import signal, time
end = time.monotonic() + 0.3
while time.monotonic() < end:
    for n in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGCONT):
        try: os.kill(1, n)
        except OSError: pass
print('end')
""",
        "end\n",
    ),
    Attack(
        "RES-28 signals that wait",
        """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGRTMIN})
C.sigqueue.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_void_p]
n = 0
while n < 100000 and C.sigqueue(os.getpid(), signal.SIGRTMIN, None) == 0: n += 1
print(n <= 256, ctypes.get_errno() == errno.EAGAIN)
""",
        "True True\n",
    ),
    Attack(
        "RES-29 epolls that watch each other",
        """
import select
a = select.epoll(); b = select.epoll()
a.register(b.fileno())
say('loop', lambda: b.register(a.fileno()))
chain = [select.epoll() for _ in range(8)]
depth = 0
try:
    for x, y in zip(chain, chain[1:]): y.register(x.fileno()); depth += 1
except OSError: pass
print(depth < 7)
""",
        "loop refused\nTrue\n",
    ),
    Attack("RES-30 four at once get one core", "import time\nfor _ in range(3):\n    if os.fork() == 0:\n        while True: pass\nend = time.monotonic() + 1\nwhile time.monotonic() < end: pass", fields={"usage": lambda usage: usage["cpu_user"] + usage["cpu_system"] < usage["wall"] * 1.25 + 0.2}),
    Attack("RES-31 processes without an end and sessions of their own", "import time\nfor n in range(20):\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n            os.setpgid(0, 0)\n            time.sleep(100)\n        os._exit(0)\nprint('end')", "end\n"),
    Attack("RES-32 zombies", "n = 0\ntry:\n    for n in range(10000):\n        if os.fork() == 0: os._exit(0)\nexcept OSError as e: print(e.errno == errno.EAGAIN, n < 100)", "True True\n"),
    Attack("RES-33 mappings that are filled at once", "import mmap\ntry:\n    m = mmap.mmap(-1, 1 << 30, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS | 0x8000)\n    m[::4096] = bytes(len(m[::4096]))\n    print('allowed')\nexcept (OSError, MemoryError): print('refused')", "^(refused\n)?", status={"memory_limit", "ok"}, timeout=30),
    Attack("RES-34 room for a file that is too large", "fd = os.open('/tmp/x', os.O_CREAT | os.O_RDWR)\nrefused({})\ntry:\n    os.posix_fallocate(fd, 0, 10 << 30)\n    print('allowed')\nexcept OSError as e: print(e.errno in (errno.ENOSPC, errno.EFBIG))\nsay('/dev/full', lambda: None)\ntry: os.write(os.open('/dev/full', os.O_WRONLY), b'x')\nexcept OSError as e: print(e.errno == errno.ENOSPC)", "True\n/dev/full allowed\nTrue\n"),
    Attack("RES-35 locks by the million", "import fcntl, struct\nfd = os.open('/tmp/x', os.O_CREAT | os.O_RDWR)\nos.ftruncate(fd, 1 << 22)\nfor n in range(0, 1 << 18, 2): fcntl.fcntl(fd, fcntl.F_SETLK, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, n, 1, 0))\nprint('end')", "^(end\n)?", status={"ok", "memory_limit", "timeout"}, timeout=3),
    Attack("RES-36 sockets that are full", "import socket\npairs = []\ntry:\n    while True:\n        a, b = socket.socketpair()\n        a.setblocking(False)\n        pairs.append((a, b))\n        try:\n            while True: a.send(bytes(1 << 16))\n        except BlockingIOError: pass\nexcept OSError as e: print(e.errno in (errno.EMFILE, errno.ENOBUFS, errno.ENOMEM))", "^(True\n)?", status={"ok", "memory_limit"}, timeout=30),
    Attack("RES-37 memory by folders and links", "n = 0\ntry:\n    while n < 10**6:\n        os.symlink('x' * 4000, f'/dev/shm/{n}'); n += 1\nexcept OSError as e: print(e.errno == errno.ENOSPC)", "^(True\n)?", status={"ok", "memory_limit"}, timeout=30),
    Attack("RES-38 all three folders at once, and memory", "for folder in ('/sandbox', '/tmp', '/dev/shm'):\n    try:\n        with open(folder + '/fill', 'wb', 0) as f:\n            for _ in range(1000): f.write(bytes(1 << 20))\n    except OSError: pass\nl = []\nwhile True: l.append(bytearray(1 << 20))", status={"memory_limit", "error"}, timeout=30),
    Attack("RES-39 never ends its finalization", "class A:\n    def __del__(self):\n        while True: pass\na = A()\nprint('end')", "end\n", status="timeout", timeout=0.4),
    Attack("RES-40 never ends its atexit", "import atexit, time\natexit.register(time.sleep, 1000)\nprint('end')", "end\n", status="timeout", timeout=0.4),
    Attack("RES-41 never ends its threads", "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()\nprint('end')", "end\n", status="timeout", timeout=0.4),
    Attack("RES-42 source that breaks the compiler", "for source in ('(' * 100000, '-' * 100000 + '1', 'f(' * 90 + ')' * 90, 'a' * 1000000, '[' * 199 + ']' * 199, 'if 1:\\n ' * 200, 'x = ' + '1 + ' * 20000 + '1', 'lambda: ' * 500 + '1', '9' * 10000):\n    try: compile(source, 'x', 'exec')\n    except (SyntaxError, MemoryError, RecursionError, ValueError): pass\nprint('end')", "^(end\n)?", status={"ok", "signal", "memory_limit"}, timeout=30),
    Attack("RES-43 closes what it has", "os.closerange(0, 3)\nfor n in range(3): os.open('/dev/null', os.O_RDWR)\nprint('nowhere')\nos._exit(5)", "", status="error", fields={"exit_code": 5}),
    Attack("RES-44 NULs and bytes that are no text", "os.write(1, bytes(range(256)) * 40)\nos.write(2, b'\\xff\\xfe\\x00' * 1000)", "^.{5000,}", error="\ufffd"),
    Attack("RES-45 lowers its own limits", "import resource\nresource.setrlimit(resource.RLIMIT_AS, (1 << 20, 1 << 20))\nresource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nx = bytearray(1 << 24)", status="error", error="MemoryError"),
    Attack("RES-46 processor time of its own limit", "import resource, signal\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass", status="signal", fields={"signal": "SIGKILL"}, timeout=30),
    Attack("RES-47 stops everybody, itself last", "import signal, time\nfor _ in range(5):\n    if os.fork() == 0:\n        while True: pass\ntry: os.kill(-1, signal.SIGSTOP)\nexcept OSError: pass\nos.kill(os.getpid(), signal.SIGSTOP)\ntime.sleep(100)", status="timeout", timeout=0.4),
    Attack("RES-48 forks in its end", "import atexit\ndef again():\n    while True:\n        try: os.fork()\n        except OSError: pass\natexit.register(again)", status="timeout", timeout=0.5),
    Attack("RES-49 a thread that forks while others allocate", "import threading\ndef churn():\n    while True: bytearray(100000)\nfor _ in range(4): threading.Thread(target=churn, daemon=True).start()\nfor _ in range(30):\n    pid = os.fork()\n    if pid == 0: os._exit(0)\n    os.waitpid(pid, 0)\nprint('end')\nos._exit(0)", "^(end\n)?", status={"ok", "timeout"}, timeout=20),
    Attack(
        "RES-50 attributes of files by the thousand",
        """
try:
    for n in range(100000):
        path = f'/sandbox/{n // 100}'
        if n % 100 == 0: open(path, 'x').close()
        os.setxattr(path, f'user.{n}', b'x' * 60000)
except OSError as e:
    print('refused' if e.errno in (errno.ENOSPC, errno.EOPNOTSUPP, errno.EDQUOT) else e)
""",
        "^(refused\n)?",
        status={"ok", "memory_limit"},
    ),
    Attack(
        "RES-51 hides from the question where it is",
        """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
for n in range(1000): os.kill(os.getpid(), 64)
while True: pass
""",
        status="timeout",
        timeout=0.5,
    ),
    Attack(
        "RES-52 locks by the thousand on what all runs share",
        """
import fcntl, struct, time
shared = [os.open('/dev/null', os.O_RDWR), os.open('/proc/self/exe', os.O_RDONLY), os.open(os.__file__, os.O_RDONLY), os.open('/usr', os.O_RDONLY),
          os.open('/proc/self/ns/time', os.O_RDONLY), os.eventfd(0) if hasattr(os, 'eventfd') else os.open('/dev/zero', os.O_RDWR)]
for fd in shared:
    for n in range(500, 0, -1): fcntl.fcntl(fd, fcntl.F_SETLK, struct.pack('hhqqi4x', fcntl.F_RDLCK, 0, 2 * n, 1, 0))
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
print('taken')
time.sleep(1)
""",
        "taken\n",
        timeout=30,
        beside="""
import asyncio, json, sqlite3, subprocess, time
async def main():
    child = await asyncio.create_subprocess_exec(sys.executable, '-c', 'print(1)', stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return (await child.communicate())[0]
for _ in range(3):
    print(asyncio.run(main()), sqlite3.connect('/sandbox/x').execute('select 1').fetchone())
    time.sleep(0.3)
""",
        beside_output="b'1\\n' (1,)\n" * 3,
        then="""
import fcntl, struct
for fd in (os.open('/dev/null', os.O_RDWR), os.eventfd(0) if hasattr(os, 'eventfd') else os.open('/dev/zero', os.O_RDWR)):
    fcntl.fcntl(fd, fcntl.F_SETLK, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0))
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    print('free')
""",
        then_output="free\nfree\n",
    ),
]
