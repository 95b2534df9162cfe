import ctypes
import ctypes.util

libc = ctypes.CDLL(None)
print(libc.abs(-5), ctypes.sizeof(ctypes.c_long), libc.strlen(b"hello"))


class P(ctypes.Structure):
    _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_double)]


p = P(1, 2.5)
print(p.x, p.y, ctypes.sizeof(P), bytes(ctypes.c_int32(258)))
compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))(lambda a, b: a[0] - b[0])
values = (ctypes.c_int * 4)(3, 1, 2, 0)
libc.qsort(values, 4, 4, compare)
print(list(values))
libc.printf(b"unflushed by nobody %d\n", 5)
libc.no_such_function
