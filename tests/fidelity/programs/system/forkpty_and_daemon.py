import os

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print("grandchild", flush=True)
        os._exit(0)
    os.wait()
    os._exit(0)
os.wait()
print("parent")
