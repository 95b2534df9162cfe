import inspect
import sys

print(sys._getframe().f_back, len(inspect.stack()))
frame = sys._getframe()
print(frame.f_code.co_name, frame.f_code.co_filename, frame.f_lineno, frame.f_globals is frame.f_locals)


def depth():
    frame, n = sys._getframe(), 0
    while frame:
        frame, n = frame.f_back, n + 1
    return n


print(depth())
