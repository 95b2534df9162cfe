"""System calls that nobody needs, and arguments that nobody needs."""

from attack import Attack, refuses

NOBODY_NEEDS = (
    "io_uring_setup", "io_uring_enter", "io_uring_register", "bpf", "perf_event_open", "userfaultfd", "add_key", "request_key",
    "keyctl", "memfd_secret", "process_madvise", "process_mrelease", "modify_ldt", "iopl", "ioperm", "fanotify_init",
    "inotify_init1", "quotactl", "acct", "swapon", "kexec_load", "init_module", "finit_module", "delete_module", "reboot",
    "syslog", "vmsplice", "splice", "tee", "sendfile", "sendmmsg", "recvmmsg", "move_pages", "migrate_pages", "mbind",
    "set_mempolicy", "remap_file_pages", "lookup_dcookie", "vhangup", "settimeofday", "clock_settime", "adjtimex",
    "timer_create", "mq_open", "execveat", "openat2", "clone3", "seccomp", "landlock_create_ruleset",
    "landlock_restrict_self", "ptrace", "kcmp", "get_mempolicy", "ustat", "sysfs", "uselib", "nfsservctl",
)

ATTACKS = [
    Attack(
        "KRN-02 to KRN-16 system calls that nobody needs",
        f"""
for name in {NOBODY_NEEDS}:
    if name in NUMBERS:
        say(name, lambda: system(name, 0, 0, 0, 0, 0, 0))
    else:
        print(name, 'refused')
""",
        refuses(*NOBODY_NEEDS),
    ),
    Attack(
        "KRN-01 system calls that are newer than the filter",
        """
known = {434, 436, 439, 441, 449}
unless([n for n in range(428, 600) if n not in known and C.syscall(n, 0, 0, 0, 0, 0, 0) != -1])
""",
        "clean\n",
    ),
    Attack(
        "KRN-03 socket filters",
        """
import socket, struct
a, b = socket.socketpair()
for name, option in (('SO_ATTACH_FILTER', 26), ('SO_LOCK_FILTER', 44), ('SO_ATTACH_BPF', 50), ('SO_ATTACH_REUSEPORT_CBPF', 51),
                     ('SO_ATTACH_REUSEPORT_EBPF', 52), ('SO_SNDBUFFORCE', 32), ('SO_MARK', 36), ('SO_BINDTODEVICE', 25),
                     ('SO_ZEROCOPY', 60), ('SO_TXTIME', 61)):
    say(name, lambda: a.setsockopt(socket.SOL_SOCKET, option, struct.pack('HxxxxxxP', 1, 0)))
say('another level', lambda: a.setsockopt(6, 31, b'tls'))
say('level, wide', lambda: system('setsockopt', a.fileno(), 0x100000006, 31, b'tls', 3))
""",
        refuses("SO_ATTACH_FILTER", "SO_LOCK_FILTER", "SO_ATTACH_BPF", "SO_ATTACH_REUSEPORT_CBPF", "SO_ATTACH_REUSEPORT_EBPF",
                "SO_SNDBUFFORCE", "SO_MARK", "SO_BINDTODEVICE", "SO_ZEROCOPY", "SO_TXTIME", "another level", "level, wide"),
    ),
    Attack(
        "KRN-07 families of sockets, wide",
        """
for family in (2, 10, 16, 17, 38, 40):
    say(f'family {family}', lambda: system('socket', family | 1 << 32, 1, 0))
os.close(system('socket', 1 | 1 << 32, 1, 0))  # to the kernel this is AF_UNIX
""",
        refuses(*[f"family {n}" for n in (2, 10, 16, 17, 38, 40)]),
    ),
    Attack(
        "KRN-08 out-of-band data",
        """
import socket
a, b = socket.socketpair()
say('send', lambda: a.send(b'x', socket.MSG_OOB))
say('sendmsg', lambda: a.sendmsg([b'x'], [], socket.MSG_OOB))
a.send(b'x')
say('recv', lambda: b.recv(1, socket.MSG_OOB))
say('recvmsg', lambda: b.recvmsg(1, 0, socket.MSG_OOB | socket.MSG_DONTWAIT))
say('send, wide', lambda: system('sendto', a.fileno(), b'x', 1, 0x100000001, 0, 0))
""",
        refuses("send", "sendmsg", "recv", "recvmsg", "send, wide"),
    ),
    Attack(
        "KRN-09 a storm of timers",
        """
import signal, time
say('timer_create', lambda: system('timer_create', 2, 0, ctypes.create_string_buffer(8)))
ticks = 0
def tick(*_):
    global ticks
    ticks += 1
signal.signal(signal.SIGPROF, tick)
signal.signal(signal.SIGALRM, tick)
signal.setitimer(signal.ITIMER_PROF, 1e-4, 1e-4)
signal.setitimer(signal.ITIMER_REAL, 1e-4, 1e-4)
end = time.monotonic() + 0.3
while time.monotonic() < end: pass
signal.setitimer(signal.ITIMER_PROF, 0)
signal.setitimer(signal.ITIMER_REAL, 0)
print(ticks > 0)
""",
        "timer_create refused\nTrue\n",
    ),
    Attack(
        "KRN-10 priority-inheriting futexes",
        """
word = ctypes.c_uint32(0)
at = ctypes.addressof(word)
for name, op in (('FUTEX_FD', 2), ('LOCK_PI', 6), ('UNLOCK_PI', 7), ('TRYLOCK_PI', 8), ('WAIT_REQUEUE_PI', 11), ('CMP_REQUEUE_PI', 12),
                 ('LOCK_PI2', 13), ('LOCK_PI private', 6 | 128), ('TRYLOCK_PI realtime', 8 | 256), ('LOCK_PI, wide', 6 | 1 << 32)):
    say(name, lambda: system('futex', at, op, 0, 0, 0, 0))
""",
        refuses("FUTEX_FD", "LOCK_PI", "UNLOCK_PI", "TRYLOCK_PI", "WAIT_REQUEUE_PI", "CMP_REQUEUE_PI", "LOCK_PI2", "LOCK_PI private",
                "TRYLOCK_PI realtime", "LOCK_PI, wide"),
    ),
    Attack(
        "KRN-11 leases, notifications, owners of descriptors",
        """
fd = os.open('/sandbox/main.py', os.O_RDONLY)
for name, command in (('F_SETLEASE', 1024), ('F_NOTIFY', 1026), ('F_SETPIPE_SZ', 1031), ('F_SETOWN', 8), ('F_SETSIG', 10), ('F_SETOWN_EX', 15),
                      ('F_SET_RW_HINT', 1036)):
    say(name, lambda: system('fcntl', fd, command, 0))
    say(name + ', wide', lambda: system('fcntl', fd, command | 1 << 32, 0))
""",
        "^(\\w+(, wide)? refused\n){14}",
    ),
    Attack(
        "KRN-12 every prctl",
        """
allowed = {1, 2, 3, 15, 16, 21, 23, 29, 30, 38, 39, 41, 42}
found = []
for option in [*range(81), 0x53564d41 + 1, 0x59616d61, 0x41555856, 1 << 31, 22 | 1 << 32, 4 | 1 << 63]:
    ctypes.set_errno(0)
    if option not in allowed and not (C.syscall(NUMBERS['prctl'], ctypes.c_ulong(option), 0, 0, 0, 0) == -1 and ctypes.get_errno() == errno.ENOSYS):
        found.append(option)
unless(found)
""",
        "clean\n",
    ),
    Attack(
        "KRN-17 arguments that change during the call",
        """
import socket, threading, time
flags = (ctypes.c_uint64 * 11)(0, 0, 0, 0, 17)
stop = False
def flip():
    while not stop:
        flags[0] = 0x10000000
        flags[0] = 0
threading.Thread(target=flip, daemon=True).start()
end = time.monotonic() + 0.5
got = 0
while time.monotonic() < end:
    for call in (lambda: system('clone3', flags, 88), lambda: system('openat2', -100, b'/', flags, 24)):
        try: got += call() >= 0
        except OSError: pass
stop = True
unless(got)
""",
        "clean\n",
    ),
    Attack(
        "KRN-19 memory that it must not map",
        """
import mmap
def fixed(address, flags=0x32, fd=-1):
    C.mmap.restype = ctypes.c_void_p
    r = C.mmap(ctypes.c_void_p(address), ctypes.c_size_t(4096), 3, flags, fd, ctypes.c_long(0))
    if r == ctypes.c_void_p(-1).value: raise OSError(ctypes.get_errno(), 'mmap')
say('page zero', lambda: fixed(0))
say('kernel half', lambda: fixed(0xffff800000000000))
fd = os.open('/usr/lib/os-release', os.O_RDONLY)
say('shared and writable', lambda: fixed(0x10000000, 0x11, fd))
say('huge', lambda: system('mmap', 0, 2 << 20, 3, 0x40022, -1, 0))
say('huge, of a gigabyte', lambda: system('mmap', 0, 1 << 30, 3, 0x40022 | 30 << 26, -1, 0))
say('a huge file', lambda: system('memfd_create', b'huge', 4))
say('a huge file, sealed', lambda: system('memfd_create', b'huge', 4 | 2 | 21 << 26))
""",
        "^page zero refused\nkernel half (refused|odd .*)\nshared and writable refused\nhuge refused\nhuge, of a gigabyte refused\n"
        "a huge file refused\na huge file, sealed refused\n",
    ),
    Attack(
        "KRN-20 descriptors that travel in circles",
        """
import array, socket
for _ in range(300):
    a, b = socket.socketpair()
    for x, y in ((a, b), (b, a)):
        try: x.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [x.fileno(), y.fileno()]))])
        except OSError as e: assert e.errno == errno.ETOOMANYREFS
    a.close(); b.close()
print('survived')
""",
        "survived\n",
    ),
    Attack(
        "KRN-21 forged credentials over a socket",
        """
import socket, struct
a, b = socket.socketpair()
b.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
for name, credentials in (('root', (os.getpid(), 0, 0)), ('init', (1, os.getuid(), os.getgid())), ('host', (4000000, os.getuid(), os.getgid()))):
    say(name, lambda: a.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, struct.pack('3i', *credentials))]))
""",
        refuses("root", "init", "host"),
    ),
    Attack(
        "KRN-22 devices of the host",
        """
for name in ('mem', 'kmem', 'port', 'kmsg', 'kvm', 'fuse', 'net/tun', 'vhost-net', 'vhost-vsock', 'userfaultfd', 'ptmx', 'pts/0', 'tty', 'console', 'sda', 'vda',
             'loop0', 'loop-control', 'mapper/control', 'dri/card0', 'snd/timer', 'uinput', 'hwrng', 'rtc0', 'watchdog', 'cuse', 'btrfs-control', 'autofs'):
    for folder in ('/dev/', '/proc/self/root/dev/'):
        try: os.close(os.open(folder + name, os.O_RDONLY | os.O_NONBLOCK)); print(folder + name)
        except OSError: pass
print(sorted(os.listdir('/dev')))
""",
        "['fd', 'full', 'null', 'random', 'shm', 'stderr', 'stdin', 'stdout', 'urandom', 'zero']\n",
    ),
    Attack(
        "KRN-23 controls of the devices that it has",
        """
for device in ('null', 'zero', 'full', 'random', 'urandom'):
    fd = os.open('/dev/' + device, os.O_RDWR)
    for request in (0x5203, 0x5206, 0x5207, 0x80045200, 0x5401, 0x541b, 0x4602, 0x127a, 0xc020660b):  # entropy, TCGETS, FIONREAD, fb, BLK, FIEMAP
        say('ioctl', lambda: system('ioctl', fd, request, ctypes.create_string_buffer(256)))
""",
        refuses(*["ioctl"] * 45),
    ),
    Attack(
        "KRN-24 programs without arguments",
        """
path = ctypes.c_char_p(b'/bin/true')
null = (ctypes.c_void_p * 1)()
if os.fork() == 0:
    try: system('execve', path, 0, 0)
    except OSError: os._exit(3)
print(os.wait()[1] >> 8 in (0, 3))
say('argument of 16 MiB', lambda: os.execv('/bin/true', ['true', 'x' * (16 << 20)]))
with open('/sandbox/loop', 'w') as f: f.write('#!/sandbox/loop\\n')
os.chmod('/sandbox/loop', 0o755)
say('its own interpreter', lambda: os.execv('/sandbox/loop', ['loop']))
""",
        "^True\nargument of 16 MiB (refused|odd .*)\nits own interpreter refused\n",
    ),
    Attack(
        "KRN-25 broken programs",
        """
import random, subprocess
data = bytearray(open('/bin/true', 'rb').read())
rng = random.Random(7391)
for n in range(40):
    bad = data[:]
    for _ in range(20): bad[rng.randrange(0, 1024)] = rng.randrange(256)
    with open('/tmp/x', 'wb') as f: f.write(bad)
    os.chmod('/tmp/x', 0o755)
    try: subprocess.run(['/tmp/x'], capture_output=True, timeout=2)
    except (OSError, subprocess.TimeoutExpired): pass
print('survived')
""",
        "survived\n",
        status={"ok", "memory_limit"},
        timeout=30,
    ),
    Attack(
        "KRN-26 names without end",
        """
os.chdir('/tmp')
depth = 0
try:
    while depth < 3000:
        os.mkdir('d'); os.chdir('d'); depth += 1
except OSError: pass
print(depth > 1000)
os.chdir('/tmp')
say('long path', lambda: open('/tmp/' + 'd/' * 5000))
os.symlink('a', 'b'); os.symlink('b', 'a')
say('loop', lambda: open('/tmp/a'))
say('NUL', lambda: system('open', b'/tmp/' + b'x' * 300, 0o101, 0o600))
""",
        "^True\nlong path (refused|odd .*)\nloop refused\nNUL (refused|odd .*)\n",
        timeout=20,
    ),
    Attack(
        "KRN-27 the old way into the kernel's pages",
        """
import mmap, time
C.syscall.restype = ctypes.c_long
found = []
for address in (0xffffffffff600000, 0xffffffffff600400, 0xffffffffff600800):  # vsyscall: gettimeofday, time, getcpu
    if os.fork() == 0:
        f = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p)(address)
        f(None)
        os._exit(0)
    os.wait()
for address in (0xffffffff81000000, 0xffff888000000000):
    if os.fork() == 0:
        ctypes.string_at(address, 8)
        os._exit(42)
    if os.waitstatus_to_exitcode(os.wait()[1]) == 42: found.append(hex(address))
unless(found)
""",
        "clean\n",
    ),
    Attack(
        "KRN-28 processes that are not children",
        """
for name, flag in (('CLONE_PARENT', 0x8000), ('CLONE_PTRACE', 0x2000), ('CLONE_UNTRACED', 0x800000), ('CLONE_INTO_CGROUP', 1 << 33), ('CLONE_CLEAR_SIGHAND', 1 << 32),
                   ('bit 63', 1 << 63)):
    def clone():
        if system('clone', flag | 17 if flag < 1 << 62 else ctypes.c_ulong(flag | 17), 0, 0, 0, 0) == 0: os._exit(0)
    say(name, clone)
""",
        refuses("CLONE_PARENT", "CLONE_PTRACE", "CLONE_UNTRACED", "CLONE_INTO_CGROUP", "CLONE_CLEAR_SIGHAND", "bit 63"),
    ),
    Attack(
        "KRN-29 limits, cores, priority and group of init",
        """
page = ctypes.c_void_p(id(os) & ~4095)
pair = (ctypes.c_ulong * 2)(3, 3)
refused({'limits': lambda: system('prlimit64', 1, 7, pair, 0), 'limits seen': lambda: system('prlimit64', 1, 7, 0, pair),
         'cores': lambda: system('sched_setaffinity', 1, 8, pair), 'priority': lambda: system('setpriority', 0, 1, 5),
         'robust list': lambda: system('get_robust_list', 1, ctypes.byref(pair), ctypes.byref(ctypes.c_size_t())),
         'group': lambda: system('setpgid', 1, os.getpid()), 'poison': lambda: system('madvise', page, 4096, 100),
         'offline': lambda: system('madvise', page, 4096, 101)})
""",
        refuses("limits", "limits seen", "cores", "priority", "robust list", "group", "poison", "offline"),
    ),
    Attack(
        "KRN-30 robust lists without an end, and into the kernel",
        """
node = (ctypes.c_ulong * 8)()
at = ctypes.addressof(node)
node[0], node[3], node[4] = at + 24, at + 32, at + 24  # two that follow each other
for head in (at, 8, (1 << 63) - (1 << 64)):
    if os.fork() == 0:
        system('set_robust_list', ctypes.c_void_p(head), 24)
        os._exit(7)
    print(os.waitstatus_to_exitcode(os.wait()[1]))
""",
        "7\n7\n7\n",
    ),
]
