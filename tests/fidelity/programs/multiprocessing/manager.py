import multiprocessing as mp


def fill(d, n):
    d[n] = n * n


if __name__ == "__main__":
    with mp.Manager() as manager:
        d = manager.dict()
        ps = [mp.Process(target=fill, args=(d, n)) for n in range(3)]
        [p.start() for p in ps]
        [p.join() for p in ps]
        print(sorted(d.items()))
