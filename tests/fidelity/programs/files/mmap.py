import mmap

with open("m", "wb") as f:
    f.write(b"hello mmap" * 500)
with open("m", "r+b") as f, mmap.mmap(f.fileno(), 0) as m:
    print(len(m), m[:5], m.find(b"mmap"))
    m[0:5] = b"HELLO"
print(open("m", "rb").read(10))
a = mmap.mmap(-1, 4096)
a.write(b"anonymous")
print(a[:9])
