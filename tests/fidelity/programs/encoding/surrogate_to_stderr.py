import sys

sys.stderr.write("half \ud83d pair \udc80\n")
