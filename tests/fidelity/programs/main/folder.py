import os
import pathlib

print(os.getcwd(), os.listdir("."), pathlib.Path.cwd(), os.path.abspath("x"))
print(os.access(".", os.W_OK), oct(os.umask(0o022)), os.path.isfile(__file__), os.path.getsize(__file__))
print(open(__file__).read().splitlines()[0])
