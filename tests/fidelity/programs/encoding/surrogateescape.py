import os

name = os.fsdecode(b"caf\xe9.txt")
print(ascii(name), os.fsencode(name))
open(name, "w").close()
print([ascii(n) for n in sorted(os.listdir(".")) if n != "main.py"], sorted(os.listdir(b".")))
