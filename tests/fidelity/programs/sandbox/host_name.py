import os
import platform
import socket

print(socket.gethostname(), os.uname().nodename, platform.node())
