from concurrent.futures import ThreadPoolExecutor, as_completed

with ThreadPoolExecutor(4) as pool:
    print(list(pool.map(lambda x: x * x, range(10))))
    futures = [pool.submit(pow, 2, n) for n in range(5)]
    print(sorted(f.result() for f in as_completed(futures)))
    bad = pool.submit(int, "x")
    print(repr(bad.exception()))
pool = ThreadPoolExecutor(1)
pool.submit(print, "left to the exit")
pool.submit(int, "y").result()
