import os

os.makedirs("x/y/z")
open("x/y/f", "w").close()
for root, dirs, files in os.walk("x"):
    print(root, dirs, files)
print(sorted((e.name, e.is_dir()) for e in os.scandir(".")))
os.rmdir("x")
