with open("f.bin", "wb") as f:
    f.write(bytes(range(10)))
    f.seek(-3, 2)
    print(f.tell(), f)
with open("f.bin", "r+b") as f:
    f.truncate(5)
    print(f.read(), f.closed)
with open("t.txt", "w", newline="") as f:
    print(f.encoding)
    f.write("a\r\nb\n")
print(repr(open("t.txt", newline="").read()), repr(open("t.txt").read()))
open("f.bin", "x")
