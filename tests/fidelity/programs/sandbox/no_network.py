import errno
import socket

for family, kind in ((socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET6, socket.SOCK_STREAM), (socket.AF_INET, socket.SOCK_DGRAM), (socket.AF_INET, socket.SOCK_RAW)):
    try:
        s = socket.socket(family, kind)
        s.settimeout(2)
        s.connect(("192.0.2.1", 80) if family == socket.AF_INET else ("2001:db8::1", 80))
        print("connected")
    except OSError as error:
        print("refused")
