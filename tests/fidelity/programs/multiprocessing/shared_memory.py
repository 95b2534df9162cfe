from multiprocessing import Process, shared_memory


def write(name):
    s = shared_memory.SharedMemory(name=name)
    s.buf[:5] = b"hello"
    s.close()


if __name__ == "__main__":
    s = shared_memory.SharedMemory(create=True, size=16)
    p = Process(target=write, args=(s.name,))
    p.start()
    p.join()
    print(bytes(s.buf[:5]))
    s.close()
    s.unlink()
