import sys

print("before")
raw = sys.stdout.detach()
raw.write(b"through the buffer\n")
raw.flush()
print("after")
