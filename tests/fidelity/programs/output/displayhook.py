import sys

sys.displayhook([1, 2])
sys.displayhook(None)
exec(compile("1 + 1", "x", "single"))
print(_)
