import multiprocessing as mp


class Point:
    def __init__(self, x):
        self.x = x


def double(p):
    return Point(p.x * 2)


if __name__ == "__main__":
    with mp.get_context("spawn").Pool(2) as pool:
        print([p.x for p in pool.map(double, [Point(n) for n in range(5)])])
