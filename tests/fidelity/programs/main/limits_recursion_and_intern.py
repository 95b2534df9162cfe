import sys

print(sys.getrecursionlimit(), sys.get_int_max_str_digits(), sys.getswitchinterval(), sys.thread_info.name)
print(sys.float_info.max, sys.int_info.bits_per_digit, sys.hash_info.width, sys.getrefcount(None) > 100)
