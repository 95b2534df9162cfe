import threading
import time


def work():
    time.sleep(0.1)
    raise ValueError("late")


threading.Thread(target=work, name="late").start()
print("main ends")
