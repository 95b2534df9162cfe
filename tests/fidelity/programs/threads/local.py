import threading

data = threading.local()
data.x = 1


def work():
    print(hasattr(data, "x"))
    data.x = 2


t = threading.Thread(target=work)
t.start()
t.join()
print(data.x)
