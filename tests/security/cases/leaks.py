"""What one run leaves to the next, and what two runs at the same time have in common."""

from attack import NEW, Attack, refuses  # noqa: F401

ATTACKS = [
    Attack(
        "LEAK-02 System V and POSIX IPC",
        """
say('shmget', lambda: system('shmget', 0x1234, 4096, 0o1666))
say('semget', lambda: system('semget', 0x1234, 1, 0o1666))
say('msgget', lambda: system('msgget', 0x1234, 0o1666))
for p in ('/proc/sysvipc/shm', '/proc/sysvipc/msg'):
    try: print(len(open(p).readlines()) <= 2)
    except OSError: print(True)
""",
        '^(shmget \\w+\nsemget \\w+\nmsgget \\w+\n)True\nTrue\n',
    ),
    Attack(
        "LEAK-10 words of another run, and of the service, in its whole memory",
        """
keep = ['-'.join(['canary', '5c1e7a', str(n)]) for n in range(100000)]
open('/tmp/x', 'w').write(' '.join(keep))
print(len(keep))
""",
        "100000\n",
        then="""
import re
words = ['-'.join(['canary', '5c1e7a']).encode(), '_'.join(['SECRET', 'TOKEN']).encode()]
found = searched = 0
for line in open('/proc/self/maps').read().splitlines():
    m = re.match(r'([0-9a-f]+)-([0-9a-f]+) rw', line)
    if m and '[v' not in line:
        data = ctypes.string_at(int(m[1], 16), min(int(m[2], 16) - int(m[1], 16), 64 << 20))
        searched += len(data)
        found += sum(data.count(w) for w in words)
        del data
print(searched > 1 << 20, found <= 2)  # the words that it has made itself
""",
        then_output="True True\n",
    ),
    Attack(
        "LEAK-01 files and folders",
        """
for folder in ('/sandbox', '/tmp', '/dev/shm', '/var/tmp', os.path.expanduser('~'), os.getcwd()):
    try:
        open(folder + '/left-behind', 'w').close()
        os.mkfifo(folder + '/fifo'); os.symlink('/etc', folder + '/link')
    except OSError: pass
print('left')
""",
        "left\n",
        then="""
print([n for folder in ('/tmp', '/dev/shm', '/var/tmp', '/root', '/sandbox') for n in os.listdir(folder) if n != 'main.py'])
""",
        then_output="[]\n",
    ),
    Attack(
        "LEAK-03 keys",
        """
refused({'add_key': lambda: system('add_key', b'user', b'hatchery', b'secret', 6, -4), 'keyctl': lambda: system('keyctl', 22, -1, -4), 'session': lambda: system('keyctl', 1, b'x')})
""",
        refuses("add_key", "keyctl", "session"),
        then="say('request_key', lambda: system('request_key', b'user', b'hatchery', 0, 0))",
        then_output=refuses("request_key"),
    ),
    Attack(
        "LEAK-06 news of what others open",
        """
refused({'inotify_init1': lambda: system('inotify_init1', 0), 'fanotify_init': lambda: system('fanotify_init', 0, 0), 'lease': lambda: system('fcntl', os.open(os.__file__, os.O_RDONLY), 1024, 0), 'dnotify': lambda: system('fcntl', os.open('/usr/lib', os.O_RDONLY), 1026, 1)})
""",
        refuses("inotify_init1", "fanotify_init", "lease", "dnotify"),
    ),
    Attack(
        "LEAK-08 names of sockets",
        """
import socket, time
s = socket.socket(socket.AF_UNIX)
s.bind('\\0hatchery-leak'); s.listen(); s.settimeout(1)
p = socket.socket(socket.AF_UNIX); p.bind('/tmp/leak.sock'); p.listen()
try:
    s.accept(); print('reached')
except TimeoutError: print('alone')
""",
        "alone\n",
        beside="""
import socket, time
found = []
for _ in range(10):
    for name in ('\\0hatchery-leak', '/tmp/leak.sock'):
        try: socket.socket(socket.AF_UNIX).connect(name); found.append(name)
        except OSError: pass
    time.sleep(0.05)
unless(found)
""",
        beside_output="clean\n",
    ),
    Attack(
        "LEAK-11 memory that nobody has written",
        """
keep = ['-'.join(['needle', '7391', 'of another run', str(n)]) * 50 for n in range(20000)]
os.environ['NEEDLE'] = keep[0][:100]
print(len(keep))
""",
        "20000\n",
        then="""
C.malloc.restype = ctypes.c_void_p
found = 0
for size in (1 << 12, 1 << 16, 1 << 20, 1 << 24):
    for _ in range(4):
        found += ctypes.string_at(C.malloc(ctypes.c_size_t(size)), size).count('-'.join(['needle', '7391']).encode())
print(found)
""",
        then_output="0\n",
    ),
    Attack(
        "LEAK-14 sets, colours and habits of the process",
        """
import locale, resource, signal, time, warnings
os.umask(0); os.environ['TZ'] = 'Asia/Tokyo'; time.tzset(); os.nice(5)
resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
sys.setrecursionlimit(50000); sys.path.insert(0, '/tmp/evil'); sys.modules['json'] = None
open('/sandbox/sitecustomize.py', 'w').write('print("planted")')
os.makedirs(os.path.expanduser('~/.local/lib/python3.11/site-packages'), exist_ok=True)
open(os.path.expanduser('~/.local/lib/python3.11/site-packages/usercustomize.py'), 'w').write('print("planted")')
print('changed')
""",
        "changed\n",
        then="""
import json, resource, signal, time
u = os.umask(0o22)
print(oct(u), time.tzname[0], os.nice(0), resource.getrlimit(resource.RLIMIT_NOFILE)[0], signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL, sys.getrecursionlimit(), '/tmp/evil' in sys.path, 'TZ' in os.environ)
""",
        then_output="0o22 UTC 0 256 True 1000 False False\n",
    ),
    Attack(
        "LEAK-15 shared memory of two runs at once",
        """
import mmap, time
fd = os.open(os.__file__, os.O_RDONLY)
m = mmap.mmap(fd, 4096, mmap.MAP_SHARED, mmap.PROT_READ)
say('writable', lambda: mmap.mmap(os.open(os.__file__, os.O_RDONLY), 4096, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE))
say('zero', lambda: mmap.mmap(os.open('/dev/zero', os.O_RDWR), 4096, mmap.MAP_SHARED).write(b'secret'))
time.sleep(0.5)
""",
        "writable refused\nzero allowed\n",
        beside="""
import mmap, time
for _ in range(10):
    m = mmap.mmap(os.open('/dev/zero', os.O_RDWR), 4096, mmap.MAP_SHARED)
    assert m[:6] == bytes(6)
    time.sleep(0.02)
print(os.listdir('/dev/shm'))
""",
        beside_output="[]\n",
    ),
    Attack(
        "LEAK-16 processes of the run beside it",
        """
import time
C.prctl(15, b'secret-name', 0, 0, 0)
time.sleep(0.8)
""",
        "",
        beside="""
import time
found = set()
for _ in range(20):
    for pid in os.listdir('/proc'):
        if pid.isdigit():
            try: found.add(open(f'/proc/{pid}/comm').read().strip())
            except OSError: pass
    time.sleep(0.02)
print('secret-name' in found, len([p for p in os.listdir('/proc') if p.isdigit()]) < 5)
""",
        beside_output="False True\n",
    ),
    Attack(
        "LEAK-17 times of files that all runs read",
        """
import time
before = os.stat(os.__file__).st_atime_ns
open(os.__file__).read(); list(os.scandir(os.path.dirname(os.__file__)))
print(os.stat(os.__file__).st_atime_ns == before)
say('utime', lambda: os.utime(os.__file__, ns=(1, 1)))
""",
        "True\nutime refused\n",
    ),
    Attack(
        "LEAK-19 what is in the page cache",
        """
refused({'mincore': lambda: system('mincore', 0, 4096, ctypes.create_string_buffer(8)), 'cachestat': lambda: system(451, 0, 0, 0, 0), 'RWF_NOWAIT': lambda: system('preadv2', 0, 0, 0, 0, 0, 8), 'readahead': lambda: system('readahead', 0, 0, 0)})
""",
        refuses("mincore", "cachestat", "RWF_NOWAIT", "readahead"),
    ),
    Attack(
        "LEAK-20 sockets in flight, in namespaces that are used again",
        """
import array, socket
for n in range(50):
    a, b = socket.socketpair()
    a.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [a.fileno(), b.fileno()]))])
    socket.socket(socket.AF_UNIX).bind(f'\\0left-{n}')
print('left')
""",
        "left\n",
        then="""
import socket
table = open('/proc/self/net/unix').read().splitlines()[1:] if os.path.exists('/proc/self/net/unix') else []
def free(n): socket.socket(socket.AF_UNIX).bind(f'\\0left-{n}')
for n in range(50): free(n)
unless([line for line in table if 'left' in line])
""",
        then_output="clean\n",
    ),
]
