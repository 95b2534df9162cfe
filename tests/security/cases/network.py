"""Ways to reach anybody."""

from attack import NEW, Attack, refuses  # noqa: F401

ATTACKS = [
    Attack(
        "NET-01 and LEAK-07 sockets that reach out",
        """
import socket
for n, f, k, p in (('inet raw', 2, 3, 1), ('inet6 raw', 10, 3, 58), ('netlink', 16, 3, 0), ('packet', 17, 3, 0), ('vsock', 40, 1, 0), ('alg', 38, 5, 0), ('bluetooth', 31, 3, 0), ('xdp', 44, 3, 0), ('tipc', 30, 5, 0), ('can', 29, 3, 1), ('rds', 21, 5, 0)):
    say(n, lambda: socket.socket(f, k, p).close())
""",
        refuses("inet raw", "inet6 raw", "netlink", "packet", "vsock", "alg", "bluetooth", "xdp", "tipc", "can", "rds"),
    ),
    Attack(
        "NET-02 connections",
        """
import socket
for host, port in (('127.0.0.1', {port}), ('10.0.0.1', 80), ('169.254.169.254', 80), ('192.0.2.1', 443), ('0.0.0.0', {port})):
    try:
        s = socket.socket()
        s.settimeout(1)
        s.connect((host, port))
        print('connected', host)
    except OSError: print('no')
try:
    s = socket.socket(socket.AF_INET6)
    s.settimeout(1)
    s.connect(('::1', {port}))
    print('connected')
except OSError: print('no')
""",
        'no\nno\nno\nno\nno\nno\n',
        timeout=15,
    ),
    Attack(
        "NET-03 names",
        """
import socket, time
t = time.monotonic()
try: print(socket.getaddrinfo('example.org', 80))
except OSError: print('no', time.monotonic() - t < 3)
""",
        'no True\n',
    ),
    Attack(
        "NET-04 sockets of the host",
        """
import glob, stat
found = []
for folder, names, files in os.walk('/'):
    if folder.startswith('/proc'): names[:] = []; continue
    for n in files:
        try:
            if stat.S_ISSOCK(os.lstat(os.path.join(folder, n)).st_mode): found.append(n)
        except OSError: pass
unless(found)
""",
        'clean\n',
        timeout=30,
    ),
    Attack(
        "NET-06 no inherited socket",
        """
import stat
unless([n for n in range(0, 256) if C.fcntl(n, 1, 0) != -1 and stat.S_ISSOCK(os.fstat(n).st_mode)])
""",
        'clean\n',
    ),
    Attack(
        "NET no interface is up",
        """
import socket
for n in socket.if_nameindex() if False else []: print(n)
try: print(sorted(os.listdir('/sys/class/net')))
except OSError: print('none')
""",
        "^(none|\\[\\]|\\['lo'\\])\n",
    ),
    Attack(
        "NET-05 pairs of sockets that are not local",
        """
import socket
for family in (2, 10, 16, 38, 40, 30):
    say(f'pair {family}', lambda: system('socketpair', family, 1, 0, ctypes.create_string_buffer(8)))
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
    a, b = socket.socketpair(socket.AF_UNIX, kind)
    a.send(b'x'); print(b.recv(9))
""",
        refuses(*[f"pair {n}" for n in (2, 10, 16, 38, 40, 30)]) + "b'x'\n" * 3,
    ),
    Attack(
        "NET-07 what a protocol could be asked for",
        """
import socket
for name, level, option in (('TCP_ULP', 6, 31), ('TCP_MD5SIG', 6, 14), ('IP_ADD_MEMBERSHIP', 0, 35), ('IPT_SO_SET_REPLACE', 0, 64), ('IPV6_RTHDR', 41, 57), ('ALG_SET_KEY', 279, 1), ('SOL_TLS', 282, 1), ('NETLINK', 270, 1)):
    s = socket.socket(socket.AF_UNIX)
    say(name, lambda: s.setsockopt(level, option, b'tls'))
""",
        refuses("TCP_ULP", "TCP_MD5SIG", "IP_ADD_MEMBERSHIP", "IPT_SO_SET_REPLACE", "IPV6_RTHDR", "ALG_SET_KEY", "SOL_TLS", "NETLINK"),
    ),
    Attack(
        "NET-08 interfaces and routes",
        """
import socket, fcntl
say('interfaces', lambda: socket.if_nameindex())
say('index', lambda: socket.if_nametoindex('lo'))
s = socket.socket(socket.AF_UNIX)
for name, request in (('SIOCGIFCONF', 0x8912), ('SIOCGIFADDR', 0x8915), ('SIOCSIFFLAGS', 0x8914), ('SIOCGARP', 0x8954), ('SIOCETHTOOL', 0x8946), ('SIOCUNIXFILE', 0x89e0), ('SIOCGSTAMP', 0x8906)):
    say(name, lambda: fcntl.ioctl(s, request, bytes(256)))
for p in ('net/dev', 'net/route', 'net/tcp', 'net/unix', 'net/arp', 'net'):
    say(p, lambda: os.stat('/proc/self/' + p) if p != 'net' else os.listdir('/proc/self/net'))
""",
        r"^interfaces refused\nindex [^\n]*\n(SIO\S+ refused\n){7}(net\S* (refused|allowed)\n){6}",
    ),
    Attack(
        "NET-09 sockets of the machine's services, by path",
        """
import socket
for path in ('/run/docker.sock', '/var/run/docker.sock', '/run/containerd/containerd.sock', '/run/systemd/private', '/run/systemd/notify', '/run/dbus/system_bus_socket', '/dev/log',
             '/run/nscd/socket', '/var/run/nscd/socket', '/run/udev/control', '/run/user/0/bus', '/tmp/.X11-unix/X0'):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        say('connect', lambda: socket.socket(socket.AF_UNIX, kind).connect(path))
for name in ('\\0/org/kubernetes', '\\0systemd', '\\0containerd-shim', '\\0/tmp/dbus', '\\0@/tmp/.X11-unix/X0'):
    say('abstract', lambda: socket.socket(socket.AF_UNIX).connect(name))
""",
        refuses(*["connect"] * 24, *["abstract"] * 5),
    ),
    Attack(
        "NET-10 libraries that expect a network",
        """
import urllib.request, http.client, smtplib, ftplib, socket, asyncio
def odd(call):
    try: call(); print('allowed')
    except OSError: print('refused')
odd(lambda: urllib.request.urlopen('http://127.0.0.1:{port}/health', timeout=2))
odd(lambda: http.client.HTTPConnection('localhost', {port}, timeout=2).request('GET', '/health'))
odd(lambda: smtplib.SMTP('127.0.0.1', 25, timeout=2))
odd(lambda: ftplib.FTP('192.0.2.1', timeout=2))
odd(lambda: socket.create_server(('127.0.0.1', 0)))
odd(lambda: asyncio.run(asyncio.open_connection('127.0.0.1', {port})))
""",
        "refused\n" * 6,
        timeout=20,
    ),
]
