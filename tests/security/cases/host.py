"""What a program can learn of the machine."""

from attack import NEW, Attack, refuses  # noqa: F401

ATTACKS = [
    Attack(
        "INFO-01 environment of the service",
        """
text = ' '.join(f'{k}={v}' for k, v in os.environ.items())
try: text += open('/proc/self/environ').read()
except OSError: pass
unless([w for w in ('HATCHERY', 'SECRET', 'SSH', 'PWD=/root', 'TOKEN') if w in text])
""",
        'clean\n',
    ),
    Attack(
        "INFO-02 names",
        """
import socket
print(socket.gethostname(), os.uname().nodename)
""",
        'sandbox sandbox\n',
    ),
    Attack(
        "INFO-04 and INFO-05 files of the host",
        """
for p in ('/etc/shadow', '/etc/machine-id', '/etc/ssh', '/root', '/home', '/var/run/secrets', '/run/docker.sock', '/var/log', '/proc/kallsyms', '/proc/kcore', '/proc/keys', '/proc/timer_list', '/proc/sched_debug', '/dev/mem', '/dev/kmsg', '/dev/sda', '/boot', '/sys/firmware', '/sys/kernel'):
    try:
        found = os.listdir(p) if os.path.isdir(p) else open(p, 'rb').read(16)
        if found: print(p, found)
    except OSError: pass
print('end')
""",
        'end\n',
    ),
    Attack(
        "INFO-04 cgroup path",
        """
try: print(all(l.rstrip().endswith(':/') for l in open('/proc/self/cgroup')))
except OSError: print(True)
""",
        'True\n',
    ),
    Attack(
        "INFO-06 pids",
        """
print(os.getpid() < 10, os.getppid() < 10, sorted(int(p) for p in os.listdir('/proc') if p.isdigit())[-1] < 10)
""",
        'True True True\n',
    ),
    Attack(
        "INFO-08 mounts are all read-only or the run's own",
        """
bad = []
for line in open('/proc/self/mounts') if os.path.exists('/proc/self/mounts') else []:
    _, where, kind, options = line.split()[:4]
    options = options.split(',')
    if 'nosuid' not in options: bad.append((where, 'suid'))
    if 'rw' in options and kind not in ('tmpfs', 'proc', 'devtmpfs', 'mqueue') and not where.startswith('/dev'): bad.append((where, kind))
unless(bad)
""",
        'clean\n',
    ),
    Attack(
        "INFO-09 kernel log",
        """
say('klogctl', lambda: system('syslog', 3, ctypes.create_string_buffer(100), 100))
""",
        refuses("klogctl"),
    ),
    Attack(
        "INFO-03 the environment, exactly",
        "print(sorted(os.environ))",
        "['HOME', 'LANG', 'MKL_NUM_THREADS', 'MPLBACKEND', 'MPLCONFIGDIR', 'NUMEXPR_NUM_THREADS', 'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'PATH', 'PYTHONUNBUFFERED']\n",
    ),
    Attack(
        "INFO-07 users",
        "import pwd, grp\nprint([u.pw_name for u in pwd.getpwall()], [g.gr_name for g in grp.getgrall()], os.getuid(), os.getgid(), os.getgroups())\nsay('getlogin', os.getlogin)",
        "^\\['root', 'sandbox'\\] \\['root', 'sandbox'\\] 1000 1000 \\[\\]\ngetlogin (refused|odd .*)\n",
    ),
    Attack(
        "INFO-10 where its files come from",
        """
bad = []
for line in open('/proc/self/mountinfo'):
    words = line.split()
    root, where, source = words[3], words[4], words[words.index('-') + 2]
    if root != '/' and root != where and not where.startswith('/dev/') and not where.startswith(('/usr', '/bin', '/sbin', '/lib')): bad.append((root, where))
    if 'hatchery' in root or 'build' in root or 'home' in root: bad.append((root, where))
    if where == '/sys' or where.startswith('/sys/'): bad.append(where)
unless(bad)
""",
        "clean\n",
    ),
    Attack(
        "INFO-12 its own state",
        """
s = dict(l.rstrip().split(':', 1) for l in open('/proc/self/status') if ':' in l)
print([s[k].strip() for k in ('Seccomp', 'NoNewPrivs', 'CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'Groups', 'Uid', 'TracerPid')])
print(os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid(), os.stat('/proc/self').st_uid)
""",
        "['2', '1', '0000000000000000', '0000000000000000', '0000000000000000', '0000000000000000', '0000000000000000', '', '1000\\t1000\\t1000\\t1000', '0']\nTrue True 1000\n".replace("\\t", "\\t"),
    ),
    Attack(
        "INFO-13 files that tell which machine it is",
        """
for p in ('/etc/hostname', '/etc/resolv.conf', '/etc/machine-id', '/var/lib/dbus/machine-id', '/proc/sys/kernel/random/boot_id', '/sys/class/dmi/id/product_uuid', '/etc/fstab', '/etc/mtab', '/etc/os-release', '/proc/cpuinfo', '/proc/meminfo',
          '/proc/uptime', '/proc/loadavg', '/proc/stat', '/proc/version', '/proc/modules', '/proc/partitions', '/proc/diskstats', '/proc/mounts', '/proc/cmdline', '/proc/config.gz', '/proc/iomem', '/proc/kmsg', '/proc/slabinfo', '/proc/vmallocinfo', '/proc/zoneinfo', '/proc/interrupts', '/proc/softirqs', '/proc/swaps', '/proc/filesystems', '/proc/crypto', '/proc/devices', '/proc/buddyinfo', '/proc/pagetypeinfo', '/proc/locks', '/proc/pressure/cpu'):
    if os.path.exists(p): print(p)
""",
        "^(/etc/mtab\n|/etc/os-release\n|/proc/mounts\n)*",
    ),
    Attack(
        "INFO-14 the kernel's addresses",
        """
for name in ('wchan', 'stack', 'syscall', 'timers', 'pagemap', 'kallsyms'):
    try:
        data = open('/proc/self/' + name, 'rb').read(64)
        if name == 'stack' or b'ffffffff' in data or name == 'pagemap' and any(data[i] for i in range(0, 7)): print(name, data)
    except OSError: pass
print('end')
""",
        "end\n",
    ),
    Attack(
        "INFO-15 the command line of its interpreter",
        """
try: text = open('/proc/self/cmdline', 'rb').read()
except OSError: text = b''
unless([w for w in (b'/build/', b'/home', b'/root', b'hatchery serve', b'token') if w in text])
print(sys.argv, sys.flags.isolated, [p for p in sys.path if not p.startswith(('/usr', '/sandbox', '/opt')) and p])
""",
        "clean\n['main.py'] 0 []\n",
    ),
    Attack(
        "INFO-16 disks",
        """
for p in ('/', '/tmp', '/sandbox', '/dev/shm'):
    s = os.statvfs(p)
    print(p, s.f_blocks * s.f_frsize <= 64 << 20)
""",
        "/ True\n/tmp True\n/sandbox True\n/dev/shm True\n",
    ),
]
