import sys

wanted = ["sys", "builtins", "site", "os", "io", "codecs", "encodings.utf_8", "_frozen_importlib", "__main__", "abc", "stat", "posixpath"]
print([m for m in wanted if m not in sys.modules])
print([m for m in ("numpy", "pandas", "ctypes", "asyncio", "sqlite3", "multiprocessing", "subprocess", "socket", "http") if m in sys.modules])
