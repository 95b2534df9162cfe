import sys
import threading

print(threading.stack_size())
print(sys.getswitchinterval())
threading.stack_size(256 * 1024)
t = threading.Thread(target=lambda: print("small stack"))
t.start()
t.join()
