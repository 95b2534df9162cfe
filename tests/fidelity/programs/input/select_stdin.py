import select
import sys

print(select.select([sys.stdin], [], [], 1)[0] == [sys.stdin])
