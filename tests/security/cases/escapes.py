"""Ways out of the sandbox, and ways to more rights inside of it."""

from attack import NEW, Attack, refuses  # noqa: F401

ATTACKS = [
    Attack(
        "ESC-01 unshare",
        f"""
for n, f in {NEW}.items():
    say(n, lambda: system('unshare', f))
say('all', lambda: system('unshare', 0x7e020000))
""",
        refuses("NEWNS", "NEWCGROUP", "NEWUTS", "NEWIPC", "NEWUSER", "NEWPID", "NEWNET", "NEWTIME", "all"),
    ),
    Attack(
        "ESC-02 clone with new namespaces",
        f"""
for n, f in {NEW}.items():
    if n != 'NEWTIME': say(n, lambda: system('clone', f | 17, 0, 0, 0, 0) or os._exit(0))
""",
        refuses("NEWNS", "NEWCGROUP", "NEWUTS", "NEWIPC", "NEWUSER", "NEWPID", "NEWNET"),
    ),
    Attack(
        "ESC-02 clone3 with a new user namespace",
        """
a = (ctypes.c_uint64 * 11)(0x10000000, 0, 0, 0, 17)
say('clone3', lambda: system('clone3', ctypes.byref(a), 88) or os._exit(0))
""",
        refuses("clone3"),
    ),
    Attack(
        "ESC-03 setns",
        """
import glob
for path in glob.glob('/proc/[0-9]*/ns/*'):
    try: fd = os.open(path, os.O_RDONLY)
    except OSError: continue
    try:
        system('setns', fd, 0)
        print('joined', path)
    except OSError: pass
print('end')
""",
        'end\n',
    ),
    Attack(
        "ESC-04 chroot and inherited folders",
        """
say('chroot', lambda: os.chroot('.'))
for fd in range(3, 256):
    try:
        os.fchdir(fd)
        print('folder', fd)
    except OSError: pass
for _ in range(50): os.chdir('..')
print(os.getcwd(), 'sandbox' in os.listdir('/'), 'work' in os.listdir('/'))
""",
        'chroot refused\n/ True False\n',
    ),
    Attack(
        "ESC-06 links of /proc",
        """
bad = []
for pid in [p for p in os.listdir('/proc') if p.isdigit()] + ['self']:
    for link in ('cwd', 'root', 'exe'):
        try:
            names = os.listdir(f'/proc/{pid}/{link}') if link != 'exe' else []
            if 'boot' in names or '.git' in names: bad.append((pid, link))
        except OSError: pass
unless(bad)
""",
        'clean\n',
    ),
    Attack(
        "ESC-07 write the interpreter",
        """
say('self exe', lambda: open('/proc/self/exe', 'r+b'))
say('python', lambda: open(os.path.realpath(sys.executable), 'r+b'))
say('library', lambda: open(os.__file__, 'r+b'))
say('new module', lambda: open(os.path.dirname(os.__file__) + '/evil.py', 'w'))
say('remount', lambda: system('mount', b'none', b'/usr', b'', 0x20, 0))
""",
        refuses("self exe", "python", "library", "new module", "remount"),
    ),
    Attack(
        "ESC-08 mounts",
        """
say('mount', lambda: system('mount', b'none', b'/tmp', b'tmpfs', 0, 0))
say('umount', lambda: system('umount2', b'/tmp', 2))
say('pivot_root', lambda: system('pivot_root', b'.', b'.'))
say('open_tree', lambda: system('open_tree', -100, b'/', 1))
say('move_mount', lambda: system('move_mount', -100, b'/', -100, b'/tmp', 0))
say('fsopen', lambda: system('fsopen', b'tmpfs', 0))
say('fsmount', lambda: system('fsmount', 3, 0, 0))
say('mount_setattr', lambda: system('mount_setattr', -100, b'/', 0, 0, 0))
""",
        refuses("mount", "umount", "pivot_root", "open_tree", "move_mount", "fsopen", "fsmount", "mount_setattr"),
    ),
    Attack(
        "ESC-09 device nodes",
        """
import stat
for n, kind, d in (('mem', stat.S_IFCHR, (1, 1)), ('disk', stat.S_IFBLK, (8, 0)), ('kmsg', stat.S_IFCHR, (1, 11))):
    say(n, lambda: os.mknod('/tmp/' + n, 0o666 | kind, os.makedev(*d)))
""",
        refuses("mem", "disk", "kmsg"),
    ),
    Attack(
        "ESC-10 identities",
        """
refused({'setuid': lambda: os.setuid(0), 'setresuid': lambda: os.setresuid(0, 0, 0), 'setgid': lambda: os.setgid(0), 'setgroups': lambda: os.setgroups([0]), 'setreuid': lambda: os.setreuid(0, 0)})
status = open('/proc/self/status').read() if os.path.exists('/proc/self/status') else ''
print([l for l in status.splitlines() if l.startswith('Cap') and int(l.split()[1], 16)])
""",
        'setuid refused\nsetresuid refused\nsetgid refused\nsetgroups refused\nsetreuid refused\n[]\n',
    ),
    Attack(
        "ESC-10 set-id programs",
        """
import glob, stat
found = []
for folder, _, names in os.walk('/usr'):
    for n in names:
        try: m = os.lstat(os.path.join(folder, n)).st_mode
        except OSError: continue
        if stat.S_ISREG(m) and m & 0o6000: found.append(n)
import subprocess
for n in found[:3]:
    try: print(subprocess.run([n, '-c', 'id'], capture_output=True, timeout=5).stdout[:5] == b'uid=0')
    except OSError: pass
print('end')
""",
        '^(False\\n)*end\\n',
        timeout=60,  # a large /usr that is not in the page cache
    ),
    Attack(
        "ESC-11 other processes' memory",
        """
buf = ctypes.create_string_buffer(8)
v = (ctypes.c_uint64 * 2)(ctypes.addressof(buf), 8)
r = (ctypes.c_uint64 * 2)(0x400000, 8)
say('attach', lambda: system('ptrace', 16, 1, 0, 0))
say('seize', lambda: system('ptrace', 0x4206, 1, 0, 0))
say('traceme', lambda: system('ptrace', 0, 0, 0, 0))
say('readv', lambda: system('process_vm_readv', 1, v, 1, r, 1, 0))
say('writev', lambda: system('process_vm_writev', 1, v, 1, r, 1, 0))
say('pidfd_getfd', lambda: system('pidfd_getfd', 3, 0, 0))
say('kcmp', lambda: system('kcmp', 1, os.getpid(), 0, 0, 0))
""",
        refuses("attach", "seize", "traceme", "readv", "writev", "pidfd_getfd", "kcmp"),
    ),
    Attack(
        "ESC-12 files of init",
        """
for n in ('mem', 'environ', 'maps', 'auxv'):
    say(n, lambda: open(f'/proc/1/{n}', 'rb').read(1))
say('mem for writing', lambda: open('/proc/1/mem', 'r+b'))
say('fd', lambda: os.listdir('/proc/1/fd'))
""",
        refuses("mem", "environ", "maps", "auxv", "mem for writing", "fd"),
    ),
    Attack(
        "ESC-12 kill init",
        """
import signal
os.kill(1, signal.SIGKILL) if os.getpid() != 1 else 0
print('alive')
""",
        '^(alive\n)?',
        status={'error', 'signal', 'ok'},
    ),
    Attack(
        "ESC-14 handles of files",
        """
b = ctypes.create_string_buffer(136)
say('name_to_handle', lambda: system('name_to_handle_at', -100, b'/', b, b, 0))
say('open_by_handle', lambda: system('open_by_handle_at', -100, b, 0))
""",
        refuses("name_to_handle", "open_by_handle"),
    ),
    Attack(
        "ESC-16 system calls of other architectures",
        """
import mmap
m = mmap.mmap(-1, 4096, prot=7)
m.write(bytes.fromhex('b814000000cd80c3'))  # mov eax, 20 (getpid); int 0x80; ret
f = ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(m)))
r = f()
print('allowed' if r == os.getpid() else 'refused')
""",
        '^(refused\n)?',
        status={'signal', 'ok'},
    ),
    Attack(
        "ESC-16 x32",
        """
say('x32', lambda: system(0x40000000 + 39))
""",
        '^(x32 refused\n)?',
        status={'signal', 'ok'},
    ),
    Attack(
        "ESC-17 cgroup files",
        """
import glob
found = []
for folder in ('/sys/fs/cgroup', '/sys', '/cgroup'):
    for path in glob.glob(folder + '/**', recursive=True)[:2000]:
        if os.access(path, os.W_OK): found.append(path)
    try:
        os.mkdir(folder + '/x')
        found.append(folder)
    except OSError: pass
unless(found)
""",
        'clean\n',
    ),
    Attack(
        "ESC-18 writing below /proc",
        """
def write(p, text):
    with open(p, 'w') as f: f.write(text)
refused({'hostname': lambda: write('/proc/sys/kernel/hostname', 'x'), 'core': lambda: write('/proc/sys/kernel/core_pattern', '|/x'), 'sysrq': lambda: write('/proc/sysrq-trigger', 'b'), 'uid_map': lambda: write('/proc/self/uid_map', '0 0 1'), 'setgroups': lambda: write('/proc/self/setgroups', 'allow'), 'oom': lambda: write('/proc/self/oom_score_adj', '-1000')})
""",
        refuses("hostname", "core", "sysrq", "uid_map", "setgroups", "oom"),
    ),
    Attack(
        "ESC-19 no core file",
        """
os.chdir('/tmp')
if os.fork() == 0: os.abort()
os.wait()
print(os.listdir('/tmp'), [n for n in os.listdir('/sandbox') if 'core' in n])
""",
        '[] []\n',
    ),
    Attack(
        "ESC-21 preloading",
        """
import subprocess
os.environ['LD_PRELOAD'] = '/sandbox/x.so'
open('/sandbox/x.so', 'w').close()
print(subprocess.run(['true'], capture_output=True).returncode)
""",
        '0\n',
    ),
    Attack(
        "ESC-22 filters are not relaxed",
        """
say('seccomp strict', lambda: system('prctl', 22, 1, 0, 0, 0))
say('no_new_privs off', lambda: system('prctl', 38, 0, 0, 0, 0))
say('keepcaps', lambda: system('prctl', 8, 1, 0, 0, 0))
say('securebits', lambda: system('prctl', 28, 0, 0, 0, 0))
say('seccomp listener', lambda: system('seccomp', 1, 8, 0))
""",
        refuses("seccomp strict", "no_new_privs off", "keepcaps", "securebits", "seccomp listener"),
    ),
    Attack(
        "ESC-23 personality",
        """
say('no randomising', lambda: system('personality', 0x40000))
say('read implies exec', lambda: system('personality', 0x400000))
""",
        refuses("no randomising", "read implies exec"),
    ),
    Attack(
        "ESC-24 terminal injection",
        """
import fcntl
for n, r in (('TIOCSTI', 0x5412), ('TIOCLINUX', 0x541c)):
    for fd in (0, 1, 2): say(n, lambda: fcntl.ioctl(fd, r, b'x'))
""",
        refuses("TIOCSTI", "TIOCSTI", "TIOCSTI", "TIOCLINUX", "TIOCLINUX", "TIOCLINUX"),
    ),
    Attack(
        "ESC-24 terminal injection, wide",
        """
say('wide', lambda: system('ioctl', 0, 0x100005412, b'x'))
""",
        refuses("wide"),
    ),
    Attack(
        "ESC-25 no descriptor but the three",
        """
print(sorted(int(n) for n in os.listdir('/proc/self/fd'))[:3], [n for n in range(3, 256) if not (lambda n: C.fcntl(n, 1, 0) == -1)(n)])
""",
        '[0, 1, 2] []\n',
    ),
    Attack(
        "ESC-05 chroot within a renamed folder",
        """
os.makedirs('/tmp/a/b'); os.chdir('/tmp/a/b')
say('chroot', lambda: os.chroot('/tmp/a'))
os.rename('/tmp/a/b', '/tmp/b')
for _ in range(100): os.chdir('..')
print(sorted(os.listdir('.')) == sorted(os.listdir('/')), os.getcwd())
""",
        "chroot refused\nTrue /\n",
    ),
    Attack(
        "ESC-13 writing through what is read-only",
        """
import glob
targets = ['/etc/passwd', '/etc/hosts', '/etc/ld.so.cache', os.__file__, '/usr/bin/env', '/.hatchery']
for p in targets:
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND):
        say('open', lambda: os.close(os.open(p, flags)))
    say('truncate', lambda: os.truncate(p, 0))
    say('chmod', lambda: os.chmod(p, 0o777))
    say('chown', lambda: os.chown(p, 1000, 1000))
    say('utime', lambda: os.utime(p))
    say('unlink', lambda: os.unlink(p))
    say('rename', lambda: os.rename(p, p + 'x'))
    say('xattr', lambda: os.setxattr(p, 'user.x', b'x'))
    say('link', lambda: os.link(p, '/tmp/link'))
say('O_TMPFILE', lambda: os.open('/usr/lib', os.O_TMPFILE | os.O_RDWR))
for folder in ('/', '/etc', '/usr/bin', '/dev', '/proc', '/var', '/var/tmp', '/root'):
    say('create', lambda: os.close(os.open(folder + '/new', os.O_CREAT | os.O_WRONLY)))
    say('mkdir', lambda: os.mkdir(folder + '/newdir'))
    say('mkfifo', lambda: os.mkfifo(folder + '/fifo'))
""",
        refuses(*(["open"] * 4 + ["truncate", "chmod", "chown", "utime", "unlink", "rename", "xattr", "link"]) * 6, "O_TMPFILE", *["create", "mkdir", "mkfifo"] * 8),
    ),
    Attack(
        "ESC-15 opening again what is open",
        """
found = []
for n in range(256):
    for target in (f'/proc/self/fd/{n}', f'/proc/self/fd/{n}/..', f'/proc/self/fdinfo/{n}/../../root/..', f'/dev/fd/{n}'):
        try:
            if os.path.isdir(target) and 'boot' in os.listdir(target): found.append(target)
        except OSError: pass
say('stdin for writing what is not its own', lambda: os.open('/proc/self/fd/0/../../1/root', os.O_RDONLY))
print(os.getcwd(), os.readlink('/proc/self/cwd'), os.readlink('/proc/self/root'))
unless(found)
""",
        "stdin for writing what is not its own refused\n/sandbox /sandbox /\nclean\n",
    ),
    Attack(
        "ESC-16 a jump into 32-bit code",
        """
import mmap, struct
m = mmap.mmap(-1, 8192, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40, 7)  # MAP_32BIT
base = ctypes.addressof(ctypes.c_char.from_buffer(m))
assert base < 1 << 32
code = bytes.fromhex('b814000000cd80f4')  # mov eax, 20 (getpid); int 0x80; hlt
m[4096 - 256:4096 - 256 + len(code)] = code
far = b'\\x48\\xbc' + struct.pack('<Q', base + 8000) + b'\\x6a\\x23\\x68' + struct.pack('<I', base + 4096 - 256) + b'\\x48\\xcb'  # mov rsp; push 0x23; push code; retfq
m[:len(far)] = far
ctypes.CFUNCTYPE(None)(base)()
""",
        "",
        status="signal",
        fields={"signal": lambda signal: signal in ("SIGSYS", "SIGSEGV")},  # SIGSEGV: the kernel has no such entry at all
    ),
    Attack(
        "ESC-26 a new program in its place is as sealed",
        """
import subprocess
code = 'import ctypes, os; C = ctypes.CDLL(None, use_errno=True); print(C.unshare(0x10000000), C.ptrace(0, 0, 0, 0), [l.split()[1] for l in open("/proc/self/status") if l.startswith(("Seccomp:", "NoNewPrivs:", "CapEff:", "CapBnd:"))])'
print(subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout, end='')
fd = os.memfd_create('python')
with open(os.path.realpath(sys.executable), 'rb') as f: os.write(fd, f.read())
print(subprocess.run([f'/proc/self/fd/{fd}', '-c', code], capture_output=True, text=True, pass_fds=[fd]).stdout or 'no\\n', end='')
""",
        "^(-1 -1 \\['0000000000000000', '0000000000000000', '1', '2'\\]\n){1,2}(no\n)?",
    ),
    Attack(
        "ESC-27 set-id and file capabilities of its own making",
        """
import shutil, struct, subprocess
shutil.copy('/usr/bin/id', '/sandbox/id')
os.chmod('/sandbox/id', 0o6777)
say('chown', lambda: os.chown('/sandbox/id', 0, 0))
say('capability', lambda: os.setxattr('/sandbox/id', 'security.capability', struct.pack('<5I', 0x02000001, 0xffffffff, 0, 0xffffffff, 0)))
print(subprocess.run(['/sandbox/id', '-u'], capture_output=True, text=True).stdout)
""",
        "chown refused\ncapability refused\n1000\n\n",
    ),
    Attack(
        "ESC-28 other processes, by number and by descriptor",
        """
import signal, resource
refused({'kill init': lambda: os.kill(1, signal.SIGTERM), 'prlimit of init': lambda: resource.prlimit(1, resource.RLIMIT_NOFILE, (1, 1)),
         'affinity of init': lambda: os.sched_setaffinity(1, {0}), 'priority of init': lambda: os.setpriority(os.PRIO_PROCESS, 1, 5),
         'signal with a value': lambda: system('rt_sigqueueinfo', 1, 9, ctypes.create_string_buffer(128)),
         'tgkill': lambda: system('tgkill', 1, 1, 9), 'pidfd_send_signal': lambda: system('pidfd_send_signal', os.pidfd_open(1), 9, 0, 0),
         'robust list of init': lambda: system('get_robust_list', 1, ctypes.create_string_buffer(8), ctypes.create_string_buffer(8)),
         'pid 0 of the broker': lambda: os.kill(os.getppid() or 4000000, 0), 'scheduler of init': lambda: os.sched_setscheduler(1, 0, os.sched_param(0))})
""",
        refuses("kill init", "prlimit of init", "affinity of init", "priority of init", "signal with a value", "tgkill", "pidfd_send_signal",
                "robust list of init", "pid 0 of the broker", "scheduler of init"),
    ),
    Attack(
        "ESC-29 kills everything that it can reach",
        """
import signal
for number in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
    try: os.kill(-1, number)
    except OSError: pass
print('alive')
""",
        "alive\n",
    ),
    Attack(
        "ESC-30 its death with its parent, and its dumpability",
        """
refused({'dumpable': lambda: system('prctl', 4, 1, 0, 0, 0), 'tracer': lambda: system('prctl', 0x59616d61, -1, 0, 0, 0),
         'subreaper': lambda: system('prctl', 36, 1, 0, 0, 0), 'memory map': lambda: system('prctl', 35, 1, 0, 0, 0),
         'speculation': lambda: system('prctl', 53, 0, 4, 0, 0), 'user dispatch': lambda: system('prctl', 59, 1, 0, 0, 0),
         'core scheduling': lambda: system('prctl', 62, 1, 0, 0, 0), 'ambient': lambda: system('prctl', 47, 2, 21, 0, 0), 'bounding': lambda: system('prctl', 24, 21, 0, 0, 0)})
""",
        refuses("dumpable", "tracer", "subreaper", "memory map", "speculation", "user dispatch", "core scheduling", "ambient", "bounding"),
    ),
    Attack(
        "ESC-31 a terminal to control",
        """
import fcntl
for path in ('/dev/tty', '/dev/console', '/dev/ptmx', '/dev/pts/0', '/dev/tty0', '/dev/vcs'):
    say(path, lambda: os.open(path, os.O_RDWR))
say('TIOCSCTTY', lambda: fcntl.ioctl(0, 0x540e, 0))
say('TIOCNOTTY', lambda: fcntl.ioctl(0, 0x5422, 0))
say('openpty', lambda: os.openpty())
""",
        refuses("/dev/tty", "/dev/console", "/dev/ptmx", "/dev/pts/0", "/dev/tty0", "/dev/vcs", "TIOCSCTTY", "TIOCNOTTY", "openpty"),
    ),
    Attack(
        "ESC-32 the library that all share, through its own memory",
        """
import re
where = next(l for l in open('/proc/self/maps') if 'libc.so' in l and 'r-xp' in l)
start = int(where.split('-')[0], 16)
before = ctypes.string_at(start + 64, 8)
try:
    with open('/proc/self/mem', 'r+b', buffering=0) as f:
        f.seek(start + 64); f.write(b'hatchery')
    print('its own copy')
except OSError: print('refused')
path = where.split()[-1]
offset = int(where.split()[2], 16)
with open(path, 'rb') as f:
    f.seek(offset + 64)
    print(f.read(8) == before)
""",
        "^(its own copy|refused)\nTrue\n",
    ),
    Attack(
        "ESC-33 a race for the page cache",
        """
import mmap, threading, time
path = os.__file__
fd = os.open(path, os.O_RDONLY)
m = mmap.mmap(fd, 4096, mmap.MAP_PRIVATE, mmap.PROT_READ)
before = m[:64]
C.mmap.restype = ctypes.c_void_p
at = C.mmap(None, ctypes.c_size_t(4096), 1, 2, fd, ctypes.c_long(0))
end = time.monotonic() + 0.7
def forget():
    while time.monotonic() < end: C.madvise(ctypes.c_void_p(at), ctypes.c_size_t(4096), 4)
threading.Thread(target=forget).start()
try:
    mem = os.open('/proc/self/mem', os.O_RDWR)
    while time.monotonic() < end:
        try: os.pwrite(mem, b'x' * 64, at)
        except OSError: break
except OSError: pass
with open(path, 'rb') as f: print(f.read(64) == before)
""",
        "True\n",
    ),
    Attack(
        "ESC-34 copies into what is read-only",
        """
a = os.open('/sandbox/main.py', os.O_RDONLY)
b = os.open(os.__file__, os.O_RDONLY)
say('copy_file_range', lambda: os.copy_file_range(a, b, 10))
say('fallocate', lambda: os.posix_fallocate(b, 0, 10))
say('ftruncate', lambda: os.ftruncate(b, 0))
say('write', lambda: os.write(b, b'x'))
say('pwritev', lambda: os.pwritev(b, [b'x'], 0))
say('clone of blocks', lambda: system('ioctl', b, 0x40049409, a))
""",
        refuses("copy_file_range", "fallocate", "ftruncate", "write", "pwritev", "clone of blocks"),
    ),
    Attack(
        "ESC-35 mount points in its way",
        """
for p in ('/sandbox', '/tmp', '/dev/shm', '/proc', '/usr', '/dev/null'):
    say('rename', lambda: os.rename(p, p + '-gone'))
    say('replace', lambda: os.rename('/sandbox/main.py', p))
    say('rmdir', lambda: os.rmdir(p))
say('symlink', lambda: os.symlink('/tmp', '/usr/link'))
say('swap', lambda: system('renameat2', -100, b'/tmp', -100, b'/sandbox', 2))
""",
        "^((rename|replace|rmdir|symlink|swap) (refused|odd .Errno 21.[^\n]*)\n){20}",
    ),
    Attack(
        "ESC-36 names of the service's own processes",
        """
import time
for name in (b'init', b'incubator', b'hatchery', b'front', b'zygote'):
    if os.fork() == 0:
        C.prctl(15, name, 0, 0, 0)
        time.sleep(0.2)
        os._exit(0)
for _ in range(5): os.wait()
print('end')
""",
        "end\n",
    ),
    Attack(
        "ESC-37 other roots under /proc",
        """
found = []
for pid in os.listdir('/proc'):
    if not pid.isdigit(): continue
    for name in ('root/etc/shadow', 'cwd', 'exe', 'environ', 'mem', 'maps', 'fd', 'task', 'ns/user', 'map_files', 'stack', 'syscall', 'pagemap', 'io', 'personality', 'auxv'):
        if int(pid) != os.getpid():
            try:
                p = f'/proc/{pid}/{name}'
                if os.listdir(p) if os.path.isdir(p) else open(p, 'rb').read(1): found.append(p)
            except OSError: pass
print([p for p in found if 'root/etc/shadow' in p or p.startswith('/proc/1/')])
for p in ('sys/kernel/core_pattern', 'sys/kernel/modprobe', 'sys/kernel/hotplug', 'sys/vm/panic_on_oom', 'sysrq-trigger', 'acpi', 'bus', 'fs', 'irq', 'scsi', 'kcore', 'timer_stats', 'latency_stats', 'asound', 'key-users'):
    say(p, lambda: os.stat('/proc/' + p))
""",
        "[]\n" + refuses("sys/kernel/core_pattern", "sys/kernel/modprobe", "sys/kernel/hotplug", "sys/vm/panic_on_oom", "sysrq-trigger", "acpi", "bus", "fs", "irq", "scsi", "kcore", "timer_stats", "latency_stats", "asound", "key-users"),
    ),
    Attack(
        "ESC-38 attributes of its own process",
        """
def write(p, text):
    with open('/proc/self/' + p, 'w') as f: f.write(text)
refused({p: (lambda: write(p, t)) for p, t in ()})
for p, text in (('attr/current', 'unconfined'), ('attr/exec', 'unconfined'), ('attr/fscreate', 'x'), ('gid_map', '0 0 1'), ('projid_map', '0 0 1'), ('loginuid', '0'), ('oom_adj', '-17'), ('timens_offsets', 'boottime 100 0'), ('autogroup', '-20'), ('make-it-fail', '1'), ('clear_refs', '5'), ('sched', '0')):
    say(p, lambda: write(p, text))
""",
        "^((attr/current|attr/exec|attr/fscreate|gid_map|projid_map|loginuid|oom_adj|timens_offsets|make-it-fail) refused\n|(autogroup|clear_refs|sched) \\w+\n|\\S+ odd [^\n]*\n){12}",
    ),
    Attack(
        "ESC-39 its holder, taken over through the memory that they share, goes on after the end",
        """
import platform, signal, time
def others(number):
    for pid in range(2, 100):
        try: pid == os.getpid() or os.kill(pid, number)
        except OSError: pass
if platform.machine() == 'x86_64':
    call = ctypes.cast(C.syscall, ctypes.c_void_p).value
    call += ctypes.string_at(call, 64).index(b'\\x0f\\x05')
    assert C.mprotect(ctypes.c_void_p(call & ~4095), ctypes.c_size_t(8192), 7) == 0
    others(signal.SIGSTOP)
    time.sleep(0.05)
    ctypes.memmove(call, b'\\xeb\\xfe', 2)  # it sleeps in this call: what it comes back to is a loop
    others(signal.SIGCONT)
    time.sleep(0.2)
os.write(1, b'end\\n')
os._exit(0)
""",
        "end\n",
    ),
]
