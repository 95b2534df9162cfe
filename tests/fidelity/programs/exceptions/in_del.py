class Loud:
    def __del__(self):
        raise ValueError("in __del__")

    def __repr__(self):
        return "<Loud>"


Loud.__del__.__qualname__ = "Loud.__del__"
import sys

sys.unraisablehook = lambda info: print("unraisable:", type(info.exc_value).__name__, info.exc_value, info.err_msg)
loud = Loud()
del loud
print("after")
