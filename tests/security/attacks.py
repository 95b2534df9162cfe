"""The attacks: each a program, and what must come of it.

A program prints what it found; `output` is the whole of standard output that is expected (a regular expression where it
starts with ^). `status` is the expected status, or a set of them. The names follow families: ESC escapes, NET network,
LEAK what one run leaves to another, RES resources, FORGE forged results, INFO the host, KRN the kernel's surface.

In PRELUDE, say(name, call) prints "name refused", "name allowed" or "name gone", by the errno that the call gives.
"""

from dataclasses import dataclass, field

PRELUDE = r"""
import ctypes, errno, os, sys
C = ctypes.CDLL(None, use_errno=True)
REFUSED = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EROFS, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EINVAL,
           errno.ENOENT, errno.ESRCH, errno.ENODEV, errno.ENXIO, errno.EOPNOTSUPP, errno.ENETUNREACH, errno.ESOCKTNOSUPPORT, errno.EBADF, errno.ENOTSOCK, errno.ETXTBSY, errno.ENOTDIR, errno.ELOOP, errno.ENOTTY, errno.EDOM}
def system(number, *arguments):
    ctypes.set_errno(0)
    result = C.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def say(name, call):
    try:
        call()
        print(name, "allowed")
    except OSError as e:
        print(name, "refused" if e.errno in REFUSED else f"odd {e}")
def refused(calls):
    for name, call in calls.items():
        say(name, call)
def unless(found):
    print("clean" if not found else f"found {found}")
"""

X86_64 = "x86_64"


@dataclass
class Attack:
    name: str
    code: str
    output: str = ""
    status: object = "ok"
    timeout: float = 10
    machine: str = ""  # only there: the program has numbers of its system calls
    error: str | None = None  # a regular expression that must be found in the error
    prelude: bool = True
    fields: dict = field(default_factory=dict)  # further fields of the answer

    def source(self):
        return PRELUDE + self.code if self.prelude else self.code


def all_refused(*names):
    return "".join(f"{name} refused\n" for name in names)


NEW = {"NEWNS": 0x20000, "NEWCGROUP": 0x2000000, "NEWUTS": 0x4000000, "NEWIPC": 0x8000000, "NEWUSER": 0x10000000,
       "NEWPID": 0x20000000, "NEWNET": 0x40000000, "NEWTIME": 0x80}

ATTACKS = [
    # --- escapes ------------------------------------------------------------------------------------------------
    Attack("ESC-01 unshare", f"for n, f in {NEW!r}.items():\n    say(n, lambda: system(272, f))\nsay('all', lambda: system(272, 0x7e020000))",
           all_refused(*NEW, "all"), machine=X86_64),
    Attack("ESC-02 clone with new namespaces",
           f"for n, f in {NEW!r}.items():\n    if n != 'NEWTIME': say(n, lambda: system(56, f | 17, 0, 0, 0, 0) or os._exit(0))",
           all_refused(*[n for n in NEW if n != "NEWTIME"]), machine=X86_64),
    Attack("ESC-02 clone3 with a new user namespace",
           "a = (ctypes.c_uint64 * 11)(0x10000000, 0, 0, 0, 17)\nsay('clone3', lambda: system(435, ctypes.byref(a), 88) or os._exit(0))",
           all_refused("clone3"), machine=X86_64),
    Attack("ESC-03 setns",
           "import glob\nfor path in glob.glob('/proc/[0-9]*/ns/*'):\n    try: fd = os.open(path, os.O_RDONLY)\n    except OSError: continue\n    try:\n        system(308, fd, 0)\n        print('joined', path)\n    except OSError: pass\nprint('end')",
           "end\n", machine=X86_64),
    Attack("ESC-04 chroot and inherited folders",
           "say('chroot', lambda: os.chroot('.'))\nfor fd in range(3, 256):\n    try:\n        os.fchdir(fd)\n        print('folder', fd)\n    except OSError: pass\nfor _ in range(50): os.chdir('..')\nprint(os.getcwd(), 'sandbox' in os.listdir('/'), 'work' in os.listdir('/'))",
           "chroot refused\n/ True False\n"),
    Attack("ESC-06 links of /proc",
           "bad = []\nfor pid in [p for p in os.listdir('/proc') if p.isdigit()] + ['self']:\n    for link in ('cwd', 'root', 'exe'):\n        try:\n            names = os.listdir(f'/proc/{pid}/{link}') if link != 'exe' else []\n            if 'boot' in names or '.git' in names: bad.append((pid, link))\n        except OSError: pass\nunless(bad)",
           "clean\n"),
    Attack("ESC-07 write the interpreter",
           "say('self exe', lambda: open('/proc/self/exe', 'r+b'))\nsay('python', lambda: open(os.path.realpath(sys.executable), 'r+b'))\nsay('library', lambda: open(os.__file__, 'r+b'))\nsay('new module', lambda: open(os.path.dirname(os.__file__) + '/evil.py', 'w'))\nsay('remount', lambda: system(165, b'none', b'/usr', b'', 0x20, 0))",
           all_refused("self exe", "python", "library", "new module", "remount"), machine=X86_64),
    Attack("ESC-08 mounts",
           "say('mount', lambda: system(165, b'none', b'/tmp', b'tmpfs', 0, 0))\nsay('umount', lambda: system(166, b'/tmp', 2))\nsay('pivot_root', lambda: system(155, b'.', b'.'))\nsay('open_tree', lambda: system(428, -100, b'/', 1))\nsay('move_mount', lambda: system(429, -100, b'/', -100, b'/tmp', 0))\nsay('fsopen', lambda: system(430, b'tmpfs', 0))\nsay('fsmount', lambda: system(432, 3, 0, 0))\nsay('mount_setattr', lambda: system(442, -100, b'/', 0, 0, 0))",
           all_refused("mount", "umount", "pivot_root", "open_tree", "move_mount", "fsopen", "fsmount", "mount_setattr"), machine=X86_64),
    Attack("ESC-09 device nodes",
           "import stat\nfor n, kind, d in (('mem', stat.S_IFCHR, (1, 1)), ('disk', stat.S_IFBLK, (8, 0)), ('kmsg', stat.S_IFCHR, (1, 11))):\n    say(n, lambda: os.mknod('/tmp/' + n, 0o666 | kind, os.makedev(*d)))",
           all_refused("mem", "disk", "kmsg")),
    Attack("ESC-10 identities",
           "refused({'setuid': lambda: os.setuid(0), 'setresuid': lambda: os.setresuid(0, 0, 0), 'setgid': lambda: os.setgid(0), 'setgroups': lambda: os.setgroups([0]), 'setreuid': lambda: os.setreuid(0, 0)})\nstatus = open('/proc/self/status').read() if os.path.exists('/proc/self/status') else ''\nprint([l for l in status.splitlines() if l.startswith('Cap') and int(l.split()[1], 16)])",
           all_refused("setuid", "setresuid", "setgid", "setgroups", "setreuid") + "[]\n"),
    Attack("ESC-10 set-id programs",
           "import glob, stat\nfound = []\nfor folder, _, names in os.walk('/usr'):\n    for n in names:\n        try: m = os.lstat(os.path.join(folder, n)).st_mode\n        except OSError: continue\n        if stat.S_ISREG(m) and m & 0o6000: found.append(n)\nimport subprocess\nfor n in found[:3]:\n    try: print(subprocess.run([n, '-c', 'id'], capture_output=True, timeout=5).stdout[:5] == b'uid=0')\n    except OSError: pass\nprint('end')",
           r"^(False\n)*end\n"),
    Attack("ESC-11 other processes' memory",
           "buf = ctypes.create_string_buffer(8)\nv = (ctypes.c_uint64 * 2)(ctypes.addressof(buf), 8)\nr = (ctypes.c_uint64 * 2)(0x400000, 8)\nsay('attach', lambda: system(101, 16, 1, 0, 0))\nsay('seize', lambda: system(101, 0x4206, 1, 0, 0))\nsay('traceme', lambda: system(101, 0, 0, 0, 0))\nsay('readv', lambda: system(310, 1, v, 1, r, 1, 0))\nsay('writev', lambda: system(311, 1, v, 1, r, 1, 0))\nsay('pidfd_getfd', lambda: system(438, 3, 0, 0))\nsay('kcmp', lambda: system(312, 1, os.getpid(), 0, 0, 0))",
           all_refused("attach", "seize", "traceme", "readv", "writev", "pidfd_getfd", "kcmp"), machine=X86_64),
    Attack("ESC-12 files of init",
           "for n in ('mem', 'environ', 'maps', 'auxv'):\n    say(n, lambda: open(f'/proc/1/{n}', 'rb').read(1))\nsay('mem for writing', lambda: open('/proc/1/mem', 'r+b'))\nsay('fd', lambda: os.listdir('/proc/1/fd'))",
           all_refused("mem", "environ", "maps", "auxv", "mem for writing", "fd")),
    Attack("ESC-12 kill init", "import signal\nos.kill(1, signal.SIGKILL) if os.getpid() != 1 else 0\nprint('alive')", "^(alive\n)?", status={"ok", "error", "signal"}, error=None),
    Attack("ESC-14 handles of files",
           "b = ctypes.create_string_buffer(136)\nsay('name_to_handle', lambda: system(303, -100, b'/', b, b, 0))\nsay('open_by_handle', lambda: system(304, -100, b, 0))",
           all_refused("name_to_handle", "open_by_handle"), machine=X86_64),
    Attack("ESC-16 system calls of other architectures",
           "import mmap\nm = mmap.mmap(-1, 4096, prot=7)\nm.write(bytes.fromhex('b814000000cd80c3'))  # mov eax, 20 (getpid); int 0x80; ret\nf = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(m)))\nr = f()\nprint('allowed' if r == os.getpid() else 'refused')",
           "^(refused\n)?", status={"ok", "signal"}, machine=X86_64),
    Attack("ESC-16 x32", "say('x32', lambda: system(0x40000000 + 39))", "^(x32 refused\n)?", status={"ok", "signal"}, machine=X86_64),
    Attack("ESC-17 cgroup files",
           "import glob\nfound = []\nfor folder in ('/sys/fs/cgroup', '/sys', '/cgroup'):\n    for path in glob.glob(folder + '/**', recursive=True)[:2000]:\n        if os.access(path, os.W_OK): found.append(path)\n    try:\n        os.mkdir(folder + '/x')\n        found.append(folder)\n    except OSError: pass\nunless(found)",
           "clean\n"),
    Attack("ESC-18 writing below /proc",
           "def write(p, text):\n    with open(p, 'w') as f: f.write(text)\nrefused({'hostname': lambda: write('/proc/sys/kernel/hostname', 'x'), 'core': lambda: write('/proc/sys/kernel/core_pattern', '|/x'), 'sysrq': lambda: write('/proc/sysrq-trigger', 'b'), 'uid_map': lambda: write('/proc/self/uid_map', '0 0 1'), 'setgroups': lambda: write('/proc/self/setgroups', 'allow'), 'oom': lambda: write('/proc/self/oom_score_adj', '-1000')})",
           all_refused("hostname", "core", "sysrq", "uid_map", "setgroups", "oom")),
    Attack("ESC-19 no core file", "os.chdir('/tmp')\nif os.fork() == 0: os.abort()\nos.wait()\nprint(os.listdir('/tmp'), [n for n in os.listdir('/sandbox') if 'core' in n])", "[] []\n"),
    Attack("ESC-21 preloading", "import subprocess\nos.environ['LD_PRELOAD'] = '/sandbox/x.so'\nopen('/sandbox/x.so', 'w').close()\nprint(subprocess.run(['true'], capture_output=True).returncode)", "0\n"),
    Attack("ESC-22 filters are not relaxed",
           "say('seccomp strict', lambda: system(157, 22, 1, 0, 0, 0))\nsay('no_new_privs off', lambda: system(157, 38, 0, 0, 0, 0))\nsay('keepcaps', lambda: system(157, 8, 1, 0, 0, 0))\nsay('securebits', lambda: system(157, 28, 0, 0, 0, 0))\nsay('seccomp listener', lambda: system(317, 1, 8, 0))",
           all_refused("seccomp strict", "no_new_privs off", "keepcaps", "securebits", "seccomp listener"), machine=X86_64),
    Attack("ESC-23 personality", "say('no randomising', lambda: system(135, 0x40000))\nsay('read implies exec', lambda: system(135, 0x400000))", all_refused("no randomising", "read implies exec"), machine=X86_64),
    Attack("ESC-24 terminal injection", "import fcntl\nfor n, r in (('TIOCSTI', 0x5412), ('TIOCLINUX', 0x541c)):\n    for fd in (0, 1, 2): say(n, lambda: fcntl.ioctl(fd, r, b'x'))", all_refused(*["TIOCSTI"] * 3, *["TIOCLINUX"] * 3)),
    Attack("ESC-24 terminal injection, wide", "say('wide', lambda: system(16, 0, 0x100005412, b'x'))", all_refused("wide"), machine=X86_64),
    Attack("ESC-25 no descriptor but the three", "print(sorted(int(n) for n in os.listdir('/proc/self/fd'))[:3], [n for n in range(3, 256) if not _bad(n)])" .replace("_bad(n)", "(lambda n: C.fcntl(n, 1, 0) == -1)(n)"), "[0, 1, 2] []\n"),
    # --- the kernel's surface -------------------------------------------------------------------------------------
    Attack("KRN-02 to KRN-15 system calls that nobody needs",
           "for n, number, a in (('io_uring_setup', 425, (8, 0)), ('bpf', 321, (5, 0, 0)), ('perf_event_open', 298, (0, 0, -1, -1, 0)), ('userfaultfd', 323, (1,)), ('add_key', 248, (b'user', b'x', b'x', 1, -2)), ('request_key', 249, (b'user', b'x', 0, 0)), ('keyctl', 250, (0, -3, 1)), ('memfd_secret', 447, (0,)), ('process_madvise', 440, (0, 0, 0, 0, 0)), ('modify_ldt', 154, (0, 0, 0)), ('iopl', 172, (3,)), ('ioperm', 173, (0, 1, 1)), ('fanotify_init', 300, (0, 0)), ('quotactl', 179, (0, 0, 0, 0)), ('acct', 163, (0,)), ('swapon', 167, (b'/x', 0)), ('kexec_load', 246, (0, 0, 0, 0)), ('init_module', 175, (0, 0, b'')), ('delete_module', 176, (b'x', 0)), ('reboot', 169, (0, 0, 0)), ('syslog', 103, (2, 0, 0)), ('vmsplice', 278, (1, 0, 0, 0)), ('splice', 275, (0, 0, 1, 0, 1, 0)), ('tee', 276, (0, 1, 1, 0)), ('move_pages', 279, (1, 0, 0, 0, 0, 0)), ('migrate_pages', 256, (1, 0, 0, 0)), ('lookup_dcookie', 212, (0, 0, 0)), ('vhangup', 153, ()), ('settimeofday', 164, (0, 0)), ('clock_settime', 227, (0, b'0' * 16)), ('adjtimex', 159, (b'0' * 300,))):\n    say(n, lambda: system(number, *a))",
           all_refused("io_uring_setup", "bpf", "perf_event_open", "userfaultfd", "add_key", "request_key", "keyctl", "memfd_secret", "process_madvise", "modify_ldt", "iopl", "ioperm", "fanotify_init", "quotactl", "acct", "swapon", "kexec_load", "init_module", "delete_module", "reboot", "syslog", "vmsplice", "splice", "tee", "move_pages", "migrate_pages", "lookup_dcookie", "vhangup", "settimeofday", "clock_settime", "adjtimex"),
           machine=X86_64),
    # --- network --------------------------------------------------------------------------------------------------
    Attack("NET-01 and LEAK-07 sockets that reach out",
           "import socket\nfor n, f, k, p in (('inet raw', 2, 3, 1), ('inet6 raw', 10, 3, 58), ('netlink', 16, 3, 0), ('packet', 17, 3, 0), ('vsock', 40, 1, 0), ('alg', 38, 5, 0), ('bluetooth', 31, 3, 0), ('xdp', 44, 3, 0), ('tipc', 30, 5, 0), ('can', 29, 3, 1), ('rds', 21, 5, 0)):\n    say(n, lambda: socket.socket(f, k, p).close())",
           all_refused("inet raw", "inet6 raw", "netlink", "packet", "vsock", "alg", "bluetooth", "xdp", "tipc", "can", "rds")),
    Attack("NET-02 connections",
           "import socket\nfor host, port in (('127.0.0.1', {port}), ('10.0.0.1', 80), ('169.254.169.254', 80), ('192.0.2.1', 443), ('0.0.0.0', {port})):\n    try:\n        s = socket.socket()\n        s.settimeout(1)\n        s.connect((host, port))\n        print('connected', host)\n    except OSError: print('no')\ntry:\n    s = socket.socket(socket.AF_INET6)\n    s.settimeout(1)\n    s.connect(('::1', {port}))\n    print('connected')\nexcept OSError: print('no')",
           "no\n" * 6, timeout=15),
    Attack("NET-03 names", "import socket, time\nt = time.monotonic()\ntry: print(socket.getaddrinfo('example.org', 80))\nexcept OSError: print('no', time.monotonic() - t < 3)", "no True\n"),
    Attack("NET-04 sockets of the host", "import glob, stat\nfound = []\nfor folder, names, files in os.walk('/'):\n    if folder.startswith('/proc'): names[:] = []; continue\n    for n in files:\n        try:\n            if stat.S_ISSOCK(os.lstat(os.path.join(folder, n)).st_mode): found.append(n)\n        except OSError: pass\nunless(found)", "clean\n", timeout=30),
    Attack("NET-06 no inherited socket", "import stat\nunless([n for n in range(0, 256) if C.fcntl(n, 1, 0) != -1 and stat.S_ISSOCK(os.fstat(n).st_mode)])", "clean\n"),
    Attack("NET no interface is up", "import socket\nfor n in socket.if_nameindex() if False else []: print(n)\ntry: print(sorted(os.listdir('/sys/class/net')))\nexcept OSError: print('none')", "^(none|\\[\\]|\\['lo'\\])\n"),
    # --- resources -------------------------------------------------------------------------------------------------
    Attack("RES-01 spins", "while True: pass", "", status="timeout", timeout=0.5),
    Attack("RES-03 ignores every signal", "import signal\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nwhile True: pass", "", status="timeout", timeout=0.5),
    Attack("RES-04 one huge block", "try:\n    x = bytearray(10**11)\n    print('allowed')\nexcept MemoryError: print('MemoryError')", "^(MemoryError\n)?", status={"ok", "memory_limit"}),
    Attack("RES-05 many small blocks", "l = []\nwhile True: l.append(bytearray(1 << 20))", "", status="memory_limit", timeout=30),
    Attack("RES-05 the parent outlives its children", "import time\nfor _ in range(3):\n    if os.fork() == 0:\n        l = []\n        while True: l.append(bytearray(1 << 20))\ntime.sleep(30)\nprint('survived')", "", status="memory_limit", timeout=40),
    Attack("RES-06 forks", "while True:\n    try: os.fork()\n    except OSError: pass", "", status="timeout", timeout=1),
    Attack("RES-08 threads", "import threading, time\nn = 0\ntry:\n    for n in range(10000): threading.Thread(target=time.sleep, args=(30,), daemon=True).start()\nexcept RuntimeError: print(n < 100)", "True\n", fields={"limits_hit": ["processes"]}),
    Attack("RES-09 fills /tmp", "try:\n    with open('/tmp/x', 'wb', buffering=0) as f:\n        for _ in range(1024): f.write(bytes(1 << 20))\nexcept OSError as e: print(e.errno in (27, 28))", "True\n", status={"ok"}),
    Attack("RES-10 a million files", "n = 0\ntry:\n    while n < 1000000:\n        open(f'/tmp/{n}', 'w').close()\n        n += 1\nexcept OSError as e: print(e.errno, n < 20000)", "28 True\n", timeout=30),
    Attack("RES-11 shared memory and memfd", "fd = os.memfd_create('x')\ntry:\n    for _ in range(1024): os.write(fd, bytes(1 << 20))\n    print('allowed')\nexcept OSError: print('refused')", "^(refused\n)?", status={"ok", "memory_limit"}, timeout=30),
    Attack("RES-11 pipes", "n = 0\ntry:\n    while n < 10000:\n        r, w = os.pipe()\n        os.set_blocking(w, False)\n        n += 1\n        try: os.write(w, bytes(1 << 20))\n        except BlockingIOError: pass\nexcept OSError as e: print(e.errno == 24, n < 200)", "True True\n"),
    Attack("RES-12 floods", "while True: os.write(1, b'x' * 65536)", "^x.*x$", status="output_limit", timeout=30),
    Attack("RES-16 descriptors", "import resource\ntry: resource.setrlimit(resource.RLIMIT_NOFILE, (100000, 100000))\nexcept (ValueError, OSError): print('refused')\nl = []\ntry:\n    while True: l.append(os.open('/dev/null', 0))\nexcept OSError as e: print(e.errno)", "refused\n24\n"),
    Attack("RES-17 priorities", "say('nice', lambda: os.nice(-20))\nsay('real time', lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50)))", all_refused("nice", "real time")),
    Attack("RES-18 in C code", "import re\nre.match(r'(a+)+$', 'a' * 64 + 'b')", "", status="timeout", timeout=0.5),
    Attack("RES-18 zip bomb", "import zlib\nb = zlib.compress(bytes(50 << 20))\nl = []\nwhile True: l.append(zlib.decompress(b).replace(b'\\0', b'x'))", "", status="memory_limit", timeout=30),
    Attack("RES-21 sparse file", "try:\n    os.truncate('main.py', 1 << 50)\n    print('allowed')\nexcept OSError as e: print('refused', e.errno in (27, 22, 28))", "refused True\n"),
    Attack("RES-22 address space", "import mmap\ntry:\n    m = mmap.mmap(-1, 100 << 40)\n    print('reserved')\nexcept (OSError, ValueError, OverflowError, MemoryError): print('refused')\nsay('mlockall', lambda: system(151, 3))", "^(refused|reserved)\nmlockall (refused|odd .*)\n", machine=X86_64),
    Attack("RES-26 a stopped run ends", "import signal\nos.kill(os.getpid(), signal.SIGSTOP)\nimport time\ntime.sleep(60)", "", status="timeout", timeout=0.5),
    # --- leaks between runs ----------------------------------------------------------------------------------------
    Attack("LEAK-02 System V and POSIX IPC", "say('shmget', lambda: system(29, 0x1234, 4096, 0o1666))\nsay('semget', lambda: system(64, 0x1234, 1, 0o1666))\nsay('msgget', lambda: system(68, 0x1234, 0o1666))\nfor p in ('/proc/sysvipc/shm', '/proc/sysvipc/msg'):\n    try: print(len(open(p).readlines()) <= 2)\n    except OSError: print(True)", "^(shmget \\w+\nsemget \\w+\nmsgget \\w+\n)True\nTrue\n", machine=X86_64),
    Attack("LEAK-10 nothing of others in memory", "import re\nfound = 0\nneedle = b'-'.join([b'canary', b'token', b'of', b'another', b'run'])\ntry:\n    for line in open('/proc/self/maps'):\n        m = re.match(r'([0-9a-f]+)-([0-9a-f]+) rw', line)\n        if m and '[v' not in line:\n            a, b = int(m[1], 16), int(m[2], 16)\n            with open('/proc/self/mem', 'rb', 0) as f:\n                f.seek(a)\n                data = f.read(min(b - a, 64 << 20))\n            found += sum(1 for _ in re.finditer(re.escape(b'canary-token-' + b'of-another-run-7391'), data)) - 0\nexcept OSError: pass\nprint('searched', found <= 2)", "searched True\n", timeout=30),
    # --- the host -----------------------------------------------------------------------------------------------------
    Attack("INFO-01 environment of the service", "text = ' '.join(f'{k}={v}' for k, v in os.environ.items())\ntry: text += open('/proc/self/environ').read()\nexcept OSError: pass\nunless([w for w in ('HATCHERY', 'SECRET', 'SSH', 'PWD=/root', 'TOKEN') if w in text])", "clean\n"),
    Attack("INFO-02 names", "import socket\nprint(socket.gethostname(), os.uname().nodename)", "sandbox sandbox\n"),
    Attack("INFO-04 and INFO-05 files of the host", "for p in ('/etc/shadow', '/etc/machine-id', '/etc/ssh', '/root', '/home', '/var/run/secrets', '/run/docker.sock', '/var/log', '/proc/kallsyms', '/proc/kcore', '/proc/keys', '/proc/timer_list', '/proc/sched_debug', '/dev/mem', '/dev/kmsg', '/dev/sda', '/boot', '/sys/firmware', '/sys/kernel'):\n    try:\n        found = os.listdir(p) if os.path.isdir(p) else open(p, 'rb').read(16)\n        if found: print(p, found)\n    except OSError: pass\nprint('end')", "end\n"),
    Attack("INFO-04 cgroup path", "try: print(all(l.rstrip().endswith(':/') for l in open('/proc/self/cgroup')))\nexcept OSError: print(True)", "True\n"),
    Attack("INFO-06 pids", "print(os.getpid() < 10, os.getppid() < 10, sorted(int(p) for p in os.listdir('/proc') if p.isdigit())[-1] < 10)", "True True True\n"),
    Attack("INFO-08 mounts are all read-only or the run's own", "bad = []\nfor line in open('/proc/self/mounts') if os.path.exists('/proc/self/mounts') else []:\n    _, where, kind, options = line.split()[:4]\n    options = options.split(',')\n    if 'nosuid' not in options: bad.append((where, 'suid'))\n    if 'rw' in options and kind not in ('tmpfs', 'proc', 'devtmpfs', 'mqueue') and not where.startswith('/dev'): bad.append((where, kind))\nunless(bad)", "clean\n"),
    Attack("INFO-09 kernel log", "say('klogctl', lambda: system(103, 3, ctypes.create_string_buffer(100), 100))", all_refused("klogctl"), machine=X86_64),
    # --- forged results ------------------------------------------------------------------------------------------------
    Attack("FORGE-01 a result that is printed", "print('{\"output\":\"x\",\"status\":\"ok\",\"exit_code\":0}')\nsys.exit(9)", '{"output":"x","status":"ok","exit_code":0}\n', status="error", fields={"exit_code": 9}),
    Attack("FORGE-02 frames to every descriptor", "sys.stdout.flush()\nfor fd in range(3, 1024):\n    for _ in range(3):\n        try: os.write(fd, b'\\x31\\x42\\x4f\\x4a' + b'\\0' * 68)\n        except OSError: break\nos._exit(4)", "", status="error", fields={"exit_code": 4}),
    Attack("FORGE-04 leaves early", "import atexit\natexit.register(os._exit, 0)\nprint('claims success')\nraise ValueError", "claims success\n", status="ok", fields={"exit_code": 0}, error="ValueError"),
    Attack("FORGE-04 kills itself", "os.kill(os.getpid(), 9)", "", status="signal", fields={"signal": "SIGKILL", "exit_code": None}),
    Attack("FORGE-06 breaks its interpreter", "import builtins, threading\nsys.stdout = None\nbuiltins.print = None\nos.write(1, b'x')\nsys.modules.clear()\nthreading._shutdown = None\nos._exit(3)", "x", status="error", fields={"exit_code": 3}),
    Attack("FORGE-07 clone with CLONE_PARENT", "def clone():\n    if system(56, 0x8000 | 17, 0, 0, 0, 0) == 0: os._exit(77)\nsay('CLONE_PARENT', clone)\nsys.exit(5)", "CLONE_PARENT refused\n", status="error", fields={"exit_code": 5}, machine=X86_64),
    Attack("FORGE-09 another program in its place", "os.execv('/bin/sh', ['sh', '-c', 'echo other; exit 6'])", "other\n", status="error", fields={"exit_code": 6}),
    Attack("FORGE-11 ends before its deadline", "import time\ntime.sleep(1)\nprint('in time')", "in time\n", timeout=3),
    Attack("FORGE-13 corrupts its heap", "p = C.malloc\np.restype = ctypes.c_void_p\nC.free.argtypes = [ctypes.c_void_p]\nx = p(64)\nC.free(x); C.free(x); C.free(x)\nos.abort()", "", status="signal"),
    Attack("FORGE-15 hides its processor time", "def burn():\n    import time\n    t = time.process_time()\n    while time.process_time() - t < 0.5: pass\nif os.fork() == 0:\n    if os.fork() == 0:\n        burn()\n        os._exit(0)\n    os._exit(0)\nos.wait()\nimport time\ntime.sleep(1.5)", "", timeout=15, fields={"usage": lambda usage: usage["cpu_user"] + usage["cpu_system"] > 0.3}),
]
