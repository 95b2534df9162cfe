import site
import sys

print([p for p in sys.path if "packages" in p] == site.getsitepackages() or sorted(p for p in sys.path if "packages" in p))
