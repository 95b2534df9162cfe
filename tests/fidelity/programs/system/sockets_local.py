import os
import socket

a, b = socket.socketpair()
a.sendall(b"hello")
print(b.recv(10), a.family.name)
s = socket.socket(socket.AF_UNIX)
s.bind("sock")
s.listen()
c = socket.socket(socket.AF_UNIX)
c.connect("sock")
d, _ = s.accept()
socket.send_fds(c, [b"x"], [a.fileno()])
data, fds, _, _ = socket.recv_fds(d, 1, 1)
os.write(fds[0], b"through")
print(data, b.recv(20))
