import multiprocessing as mp


def bad():
    raise ValueError("in the process")


if __name__ == "__main__":
    p = mp.get_context("fork").Process(target=bad, name="bad-process")
    p.start()
    p.join()
    print(p.exitcode)
