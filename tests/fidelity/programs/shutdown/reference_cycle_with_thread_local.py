import threading


class Loud:
    def __del__(self):
        print("del of a thread's local")


local = threading.local()


def work():
    local.x = Loud()


t = threading.Thread(target=work)
t.start()
t.join()
print("joined")
