import sys
import threading

print(sys.is_finalizing(), threading.main_thread().is_alive())


class Late:
    def __del__(self, sys=sys):
        sys.stdout.write(f"finalizing {sys.is_finalizing()}\n")


late = Late()
sys.last = late
