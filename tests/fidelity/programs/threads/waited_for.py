import threading
import time


def work(n):
    time.sleep(0.1 * n)
    print("thread", n)


for n in range(1, 4):
    threading.Thread(target=work, args=(n,)).start()
print("main ends first")
