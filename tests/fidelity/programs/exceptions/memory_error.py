try:
    "x" * (1 << 60)
except MemoryError as error:
    print("MemoryError", error)
[0] * (1 << 62)
