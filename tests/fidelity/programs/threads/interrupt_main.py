import _thread
import threading
import time

threading.Timer(0.05, _thread.interrupt_main).start()
try:
    time.sleep(10)
except KeyboardInterrupt:
    print("interrupted")
_thread.interrupt_main()
time.sleep(1)
