import sys

sys.stderr.close()
print("out")
try:
    print("x", file=sys.stderr)
except ValueError as error:
    print(error)
sys.exit("a message for nobody")
