import tempfile

d = tempfile.TemporaryDirectory(prefix="kept-")
print(d.name.startswith(tempfile.gettempdir()))
f = tempfile.NamedTemporaryFile()
f.write(b"x")
