import io
import sys

sys.stdout = io.TextIOWrapper(open(1, "wb", closefd=False, buffering=4096), encoding="utf-16-le")
print("wide")
