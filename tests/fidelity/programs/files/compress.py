import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib

data = b"hatch " * 1000
for module in (gzip, bz2, lzma, zlib):
    print(module.__name__, module.decompress(module.compress(data)) == data)
with zipfile.ZipFile("z.zip", "w") as z:
    z.writestr("a.txt", "content")
print(zipfile.ZipFile("z.zip").read("a.txt"), zlib.crc32(data))
with tarfile.open("t.tar", "w") as t:
    t.add("main.py")
print(tarfile.open("t.tar").getnames())
zipfile.ZipFile("main.py")
