import sys
import traceback


def f(x):
    return x.nothing


try:
    f(5)
except AttributeError:
    for frame in traceback.StackSummary.extract(traceback.walk_tb(sys.exc_info()[2]), capture_locals=True):
        print(frame.filename, frame.lineno, frame.name, frame.line, sorted(frame.locals or {})[-1])
