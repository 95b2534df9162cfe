import socket

print(socket.getfqdn.__name__, socket.AF_UNIX.name, socket.inet_aton("127.0.0.1"), socket.ntohs(1))
