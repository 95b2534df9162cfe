from pathlib import Path

p = Path("a/b/c.txt")
p.parent.mkdir(parents=True)
p.write_text("héllo\n")
print(p.read_text(), p.stat().st_size, p.suffix, p.resolve(), sorted(str(x) for x in Path(".").rglob("*")))
p.rename("d.txt")
Path("link").symlink_to("d.txt")
print(Path("link").read_text(), Path("link").readlink(), Path("link").is_symlink())
Path("missing").read_text()
