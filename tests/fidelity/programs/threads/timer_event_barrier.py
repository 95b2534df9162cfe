import threading

event = threading.Event()
threading.Timer(0.05, event.set).start()
print(event.wait(10))
barrier = threading.Barrier(3)
got = []


def meet():
    got.append(barrier.wait() >= 0)


ts = [threading.Thread(target=meet) for _ in range(3)]
[t.start() for t in ts]
[t.join() for t in ts]
print(got)
s = threading.Semaphore(2)
print(s.acquire(), s.acquire(), s.acquire(blocking=False))
