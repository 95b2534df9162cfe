import os
import tempfile

with tempfile.TemporaryDirectory() as d:
    p = os.path.join(d, "x")
    open(p, "w").write("abc")
    print(os.path.getsize(p))
print(os.path.exists(d), tempfile.gettempdir(), tempfile.gettempprefix())
with tempfile.TemporaryFile("w+") as f:
    f.write("x" * 10)
    f.seek(0)
    print(f.read())
with tempfile.SpooledTemporaryFile(max_size=3) as f:
    f.write(b"longer")
    f.seek(0)
    print(f.read())
