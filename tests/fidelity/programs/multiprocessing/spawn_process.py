import multiprocessing as mp

print("imported as", __name__)


def work(n, connection):
    connection.send((n, __name__))
    connection.close()


if __name__ == "__main__":
    context = mp.get_context("spawn")
    ours, theirs = context.Pipe()
    p = context.Process(target=work, args=(7, theirs))
    p.start()
    print(ours.recv())
    p.join()
    print(p.exitcode)
