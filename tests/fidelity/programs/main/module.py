import __main__
import sys

print(type(__main__), sys.modules["__main__"] is __main__, __main__.__dict__ is globals())
print(repr(__main__))
