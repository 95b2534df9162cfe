import socket
import urllib.request

try:
    socket.getaddrinfo("www.python.org", 443)
    print("resolved")
except OSError as error:
    print(type(error).__name__)
try:
    urllib.request.urlopen("http://www.python.org", timeout=5)
    print("opened")
except OSError as error:
    print(type(error).__name__)
