import sys


class Quiet:
    def __del__(self):
        raise ValueError("unraisable")


# The default hook prints an address: take it out.
import io

keep, sys.stderr = sys.stderr, io.StringIO()
q = Quiet()
del q
text, sys.stderr = sys.stderr.getvalue(), keep
import re

print(re.sub("0x[0-9a-f]+", "0x", text))
