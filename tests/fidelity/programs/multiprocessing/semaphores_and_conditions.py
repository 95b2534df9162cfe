import multiprocessing as mp


def wait(event, barrier, q):
    event.wait()
    barrier.wait()
    q.put(1)


if __name__ == "__main__":
    event, barrier, q = mp.Event(), mp.Barrier(2), mp.SimpleQueue()
    ps = [mp.Process(target=wait, args=(event, barrier, q)) for _ in range(2)]
    [p.start() for p in ps]
    event.set()
    print(q.get() + q.get())
    [p.join() for p in ps]
