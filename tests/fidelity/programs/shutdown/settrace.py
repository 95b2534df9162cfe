import sys

lines = []


def trace(frame, event, argument):
    lines.append((event, frame.f_code.co_name, frame.f_lineno))
    return trace


def f():
    x = 1
    return x


sys.settrace(trace)
f()
sys.settrace(None)
print(lines)
sys.setprofile(lambda frame, event, argument: None)
print(sys.getprofile() is not None)
