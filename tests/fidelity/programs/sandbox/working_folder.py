import os

print(os.getcwd(), os.environ["HOME"], os.path.expanduser("~"), os.listdir("/tmp"), os.listdir("/dev/shm"))
for folder in (".", "/tmp", "/dev/shm"):
    open(os.path.join(folder, "x"), "w").write("x")
print("written")
