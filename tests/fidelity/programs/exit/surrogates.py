import sys

sys.exit("half \ud800 pair \xe9")
