import ctypes

libc = ctypes.CDLL(None)
libc.puts(b"in the C library's buffer until exit")
print("printed first")
