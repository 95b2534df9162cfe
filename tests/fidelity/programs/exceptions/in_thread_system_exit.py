import threading


def work():
    raise SystemExit(7)


thread = threading.Thread(target=work)
thread.start()
thread.join()
print("still here")
