import multiprocessing as mp


def add(v, a, lock):
    for _ in range(100):
        with lock:
            v.value += 1
    a[0] = 5


if __name__ == "__main__":
    v, a, lock = mp.Value("i", 0), mp.Array("i", 3), mp.Lock()
    ps = [mp.Process(target=add, args=(v, a, lock)) for _ in range(3)]
    [p.start() for p in ps]
    [p.join() for p in ps]
    print(v.value, list(a))
