import sys

try:
    input()
except EOFError as error:
    print("EOF:", error)
print(repr(sys.stdin.read()), sys.stdin.readlines(), sys.stdin.readline() == "")
print(sys.stdin.isatty(), sys.stdout.isatty(), sys.stderr.isatty())
for line in sys.stdin:
    print("never")
