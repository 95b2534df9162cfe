import os

found = []
for n in range(3, 256):
    try:
        os.fstat(n)
        found.append(n)
    except OSError:
        pass
print(found)
