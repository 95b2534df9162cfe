import sys

print("json" in sys.modules, "random" in sys.modules, "re" in sys.modules)
print("numpy" in sys.modules, "sqlite3" in sys.modules)
