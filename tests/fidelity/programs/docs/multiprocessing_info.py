from multiprocessing import Lock, Pipe, Process, Queue


def f(l, i):
    l.acquire()
    try:
        print("hello world", i)
    finally:
        l.release()


def g(conn):
    conn.send([42, None, "hello"])
    conn.close()


if __name__ == "__main__":
    lock = Lock()
    for num in range(3):
        p = Process(target=f, args=(lock, num))
        p.start()
        p.join()
    parent_conn, child_conn = Pipe()
    p = Process(target=g, args=(child_conn,))
    p.start()
    print(parent_conn.recv())
    p.join()
