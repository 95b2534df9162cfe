"""Programs that want to decide how their end is told."""

from attack import NEW, Attack, refuses  # noqa: F401

ATTACKS = [
    Attack(
        "FORGE-01 a result that is printed",
        """
print('{"output":"x","status":"ok","exit_code":0}')
sys.exit(9)
""",
        '{"output":"x","status":"ok","exit_code":0}\n',
        status='error',
        fields={'exit_code': 9},
    ),
    Attack(
        "FORGE-02 frames to every descriptor",
        r"""
sys.stdout.flush()
for fd in range(3, 1024):
    for _ in range(3):
        try: os.write(fd, b'\x31\x42\x4f\x4a' + b'\0' * 68)
        except OSError: break
os._exit(4)
""",
        status='error',
        fields={'exit_code': 4},
    ),
    Attack(
        "FORGE-04 leaves early",
        """
import atexit
atexit.register(os._exit, 0)
print('claims success')
raise ValueError
""",
        'claims success\n',
        error='ValueError',
        fields={'exit_code': 0},
    ),
    Attack(
        "FORGE-04 kills itself",
        """
os.kill(os.getpid(), 9)
""",
        status='signal',
        fields={'signal': 'SIGKILL', 'exit_code': None},
    ),
    Attack(
        "FORGE-06 breaks its interpreter",
        """
import builtins, threading
sys.stdout = None
builtins.print = None
os.write(1, b'x')
sys.modules.clear()
threading._shutdown = None
os._exit(3)
""",
        'x',
        status='error',
        fields={'exit_code': 3},
    ),
    Attack(
        "FORGE-07 clone with CLONE_PARENT",
        """
def clone():
    if system('clone', 0x8000 | 17, 0, 0, 0, 0) == 0: os._exit(77)
say('CLONE_PARENT', clone)
sys.exit(5)
""",
        refuses("CLONE_PARENT"),
        status='error',
        fields={'exit_code': 5},
    ),
    Attack(
        "FORGE-09 another program in its place",
        """
os.execv('/bin/sh', ['sh', '-c', 'echo other; exit 6'])
""",
        'other\n',
        status='error',
        fields={'exit_code': 6},
    ),
    Attack(
        "FORGE-11 ends before its deadline",
        """
import time
time.sleep(1)
print('in time')
""",
        'in time\n',
        timeout=3,
    ),
    Attack(
        "FORGE-13 corrupts its heap",
        """
p = C.malloc
p.restype = ctypes.c_void_p
C.free.argtypes = [ctypes.c_void_p]
x = p(64)
C.free(x); C.free(x); C.free(x)
os.abort()
""",
        status='signal',
    ),
    Attack(
        "FORGE-15 hides its processor time",
        """
def burn():
    import time
    t = time.process_time()
    while time.process_time() - t < 0.5: pass
if os.fork() == 0:
    if os.fork() == 0:
        burn()
        os._exit(0)
    os._exit(0)
os.wait()
import time
time.sleep(1.5)
""",
        timeout=15,
        fields={"usage": lambda usage: usage["cpu_user"] + usage["cpu_system"] > 0.3},
    ),
    Attack("FORGE-03 what the service would say", "sys.stderr.write('Execution timed out after 0.5 seconds\\n')\nsys.stderr.write('Memory limit of 256 MiB exceeded\\n')", status="ok", fields={"exit_code": 0, "signal": None}, error="timed out"),
    Attack("FORGE-05 hooks at the end that print", "import atexit\nsys.excepthook = lambda *a: print('hook')\natexit.register(print, 'last')\nraise ValueError", "hook\nlast\n", status="error", fields={"exit_code": 1}),
    Attack("FORGE-08 exit statuses that shells and services use", "os._exit(137)", status="error", fields={"exit_code": 137, "signal": None}),
    Attack("FORGE-08 exit status 124", "sys.exit(124)", status="error", fields={"exit_code": 124}),
    Attack("FORGE-10 every signal to itself", "import signal\nfor n in (signal.SIGTERM, signal.SIGSEGV, signal.SIGSYS, signal.SIGXCPU, signal.SIGABRT, signal.SIGXFSZ):\n    if os.fork() == 0:\n        signal.signal(n, signal.SIG_DFL); os.kill(os.getpid(), n); os._exit(0)\n    print(os.waitstatus_to_exitcode(os.wait()[1]) == -n)\nsignal.signal(signal.SIGXCPU, signal.SIG_DFL)\nos.kill(os.getpid(), signal.SIGXCPU)", "True\n" * 6, status="signal", fields={"signal": "SIGXCPU"}),
    Attack("FORGE-12 its holder, and the pipes of others", "import signal\nfor pid in range(2, 40):\n    if pid != os.getpid():\n        try: os.kill(pid, signal.SIGKILL); print('killed')\n        except OSError: pass\nsay('status of init', lambda: open('/proc/1/fd/3', 'wb'))\nprint('alive')", "^(killed\n)*status of init refused\nalive\n"),
    Attack("FORGE-14 memory that it only claims to have used up", "raise MemoryError", status="error", fields={"exit_code": 1}, error="MemoryError"),
    Attack("FORGE-16 the main thread leaves before the others", "import threading, time\ndef later():\n    time.sleep(0.3)\n    os.write(1, b'later\\n')\n    os._exit(4)\nthreading.Thread(target=later).start()\nC.syscall(NUMBERS['exit'], 3)\n'exit'", "later\n", status="error", fields={"exit_code": 4}),
    Attack("FORGE-17 output after the end", "import time\nif os.fork() == 0:\n    time.sleep(0.5)\n    while True: os.write(1, b'late')\nprint('end')", "end\n"),
    Attack("FORGE-18 a child that is killed for memory while the parent claims success", "if os.fork() == 0:\n    l = []\n    while True: l.append(bytearray(1 << 20))\nos.wait()\nprint('fine')", "^(fine\n)?", status="memory_limit", timeout=30),
    Attack("FORGE-19 threads that exit with another status", "import threading\ntry: threading.Thread(target=os._exit, args=(9,)).start()\nfinally: sys.exit(3)", "", status="error", fields={"exit_code": lambda code: code in (3, 9)}),
    Attack("FORGE-20 writes into its own output through /proc", "with open('/dev/stdout', 'w') as f: f.write('again\\n')\nwith open('/proc/self/fd/2', 'w') as f: f.write('error\\n')", "again\n", error="error"),
    Attack("FORGE-21 answers of a fixed length at the end of its output", "os.write(1, b'0' * 65536)\nos.write(1, bytes.fromhex('4a4f4231') * 64)\nos._exit(0)", "^0{65536}.*"),
    Attack(
        "FORGE-22 a child in its holder's place",
        """
import signal
for pid in range(2, 100):
    try: pid == os.getpid() or os.kill(pid, signal.SIGKILL)
    except OSError: pass
r, w = os.pipe()
if os.fork() == 0:
    os.setsid()
    os.write(w, b'x')
    while True: os.write(1, b'late')
os.read(r, 1)
os.write(1, b'end\\n')
os._exit(3)
""",
        "^(late)*end\n(late)*",
        status="error",
        fields={"exit_code": 3},
    ),
    Attack(
        "FORGE-23 a result in packets",
        """
import fcntl
fcntl.fcntl(1, fcntl.F_SETFL, os.O_DIRECT | os.O_WRONLY)
for n in range(16): os.write(1, b'%x' % n)
os._exit(0)
""",
        "0123456789abcdef",
    ),
    Attack(
        "FORGE-24 the question where it is, asked by itself",
        """
print('asked', flush=True)
system('rt_sigqueueinfo', os.getpid(), 64, (ctypes.c_int * 32)(64))
print('goes on')
""",
        "asked\n",
        status="error",
        fields={"exit_code": 1, "stack": None},
    ),
]
