import sys

print(sys.stdout.write("five\n"))
sys.stdout.writelines(["a\n", "b\n"])
print(sys.stdout.fileno(), sys.stderr.fileno(), sys.stdout.seekable(), sys.stdout.readable())
