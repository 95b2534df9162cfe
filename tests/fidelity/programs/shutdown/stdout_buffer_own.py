import sys

buffered = open(1, "w", buffering=65536, closefd=False)
buffered.write("flushed when the file object goes\n")
print("printed first")
