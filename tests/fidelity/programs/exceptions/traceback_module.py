import traceback


def f():
    g()


def g():
    raise LookupError("looked")


try:
    f()
except LookupError:
    traceback.print_exc()
    print(traceback.format_exc(limit=1))
    print(len(traceback.extract_stack()))
traceback.print_stack()
print(traceback.format_stack()[0])
