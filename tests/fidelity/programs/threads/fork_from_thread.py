import os
import threading


def work():
    pid = os.fork()
    if pid == 0:
        print("child", threading.current_thread() is threading.main_thread())
        os._exit(0)
    os.waitpid(pid, 0)
    print("thread done")


t = threading.Thread(target=work)
t.start()
t.join()
