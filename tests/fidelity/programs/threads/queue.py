import queue
import threading

q = queue.Queue(maxsize=2)
out = []


def consume():
    while (item := q.get()) is not None:
        out.append(item)
        q.task_done()


t = threading.Thread(target=consume)
t.start()
for i in range(100):
    q.put(i)
q.join()
q.put(None)
t.join()
print(sum(out), len(out))
