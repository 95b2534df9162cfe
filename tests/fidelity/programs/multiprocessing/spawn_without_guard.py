import multiprocessing as mp

mp.set_start_method("spawn")
if mp.current_process().name == "MainProcess":
    print("main")


def f():
    print("never")


p = mp.Process(target=f)
p.start()
p.join()
print(p.exitcode)
