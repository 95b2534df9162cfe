import atexit
import threading
import time


class Loud:
    def __del__(self):
        print("3 del")


loud = Loud()
atexit.register(print, "2 atexit")
threading.Thread(target=lambda: (time.sleep(0.05), print("1 thread"))).start()
