import _thread
import time

done = _thread.allocate_lock()
done.acquire()


def work(a, b):
    print("low level", a, b)
    done.release()


_thread.start_new_thread(work, (1, 2))
done.acquire()
time.sleep(0.05)
print("main")
