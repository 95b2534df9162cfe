import sys
import threading
import time


def work():
    time.sleep(0.1)
    print("waited for, although main exits with 3")


threading.Thread(target=work).start()
sys.exit(3)
