import threading

print(threading.current_thread())if False else print(threading.current_thread().name)
print(threading.main_thread() is threading.current_thread())
t = threading.Thread(target=lambda: print(threading.current_thread().name))
t.start()
t.join()
print(threading.active_count(), [x.name for x in threading.enumerate()])
