import importlib.metadata
import importlib.resources
import importlib.util
import pkgutil

open("mod.py", "w").write("x = 1\n")
print([m.name for m in pkgutil.iter_modules(["."])])
print(importlib.util.find_spec("mod").origin, importlib.util.find_spec("nope"))
importlib.metadata.version("no-such-distribution")
