import multiprocessing as mp


def work(q, n):
    q.put(n * n)


if __name__ == "__main__":
    mp.set_start_method("fork")
    q = mp.Queue()
    ps = [mp.Process(target=work, args=(q, n)) for n in range(4)]
    [p.start() for p in ps]
    print(sorted(q.get() for _ in ps))
    [p.join() for p in ps]
    print([p.exitcode for p in ps])
