import sys

print("readline" in sys.modules, "rlcompleter" in sys.modules, sys.flags.interactive)
