import sys

print("out")
sys.exit("a message on standard error")
