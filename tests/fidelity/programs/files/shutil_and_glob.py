import glob
import os
import shutil

os.makedirs("src/sub")
for n in ("a.txt", "b.py", "sub/c.txt"):
    open(f"src/{n}", "w").write(n)
shutil.copytree("src", "dst")
shutil.move("dst/a.txt", "dst/moved.txt")
print(sorted(glob.glob("**/*.txt", recursive=True)))
shutil.make_archive("packed", "zip", "src")
shutil.make_archive("packed", "gztar", "src")
shutil.unpack_archive("packed.tar.gz", "out")
print(sorted(os.listdir("out")), shutil.which("sh") is not None)
shutil.rmtree("dst")
print(sorted(os.listdir(".")))
shutil.rmtree("none")
