import sys

print("huge")
sys.exit(1 << 80)
