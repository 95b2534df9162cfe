import os

open("p", "w").close()
os.chmod("p", 0)
print(oct(os.stat("p").st_mode))
os.chmod("p", 0o600)
os.utime("p", (0, 0))
print(os.stat("p").st_mtime, os.access("p", os.X_OK))
os.mkfifo("fifo")
os.link("p", "hard")
print(os.stat("p").st_nlink, sorted(os.listdir(".")))
os.remove("p")
os.remove("p")
