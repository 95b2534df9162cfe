import sys

wanted = ["sys", "builtins", "site", "os", "io", "codecs", "encodings.utf_8", "_frozen_importlib", "__main__", "abc", "stat", "posixpath"]
print([m for m in wanted if m not in sys.modules])
print([m for m in ("numpy", "pandas", "sqlite3", "_hatchery", "main", "readline", "tkinter", "pdb") if m in sys.modules])
print([m for m in sys.modules if "hatchery" in m or "zygote" in m or "boot" in m and "importlib" not in m])
