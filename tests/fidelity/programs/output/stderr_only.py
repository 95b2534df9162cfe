import sys

print("only errors", file=sys.stderr)
