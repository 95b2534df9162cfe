import multiprocessing as mp


def work(x):
    return x + 1


if __name__ == "__main__":
    context = mp.get_context("forkserver")
    with context.Pool(1) as pool:
        print(pool.map(work, [1, 2, 3]))
