import os

pid = os.fork()
if pid == 0:
    try:
        x = bytearray(8 << 30)
        print("allocated")
        os._exit(0)
    except MemoryError:
        os._exit(9)
_, status = os.waitpid(pid, 0)
print("bounded", status != 0)
