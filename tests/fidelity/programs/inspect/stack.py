import inspect
import traceback


def f():
    return g()


def g():
    for frame in inspect.stack():
        print(frame.filename, frame.lineno, frame.function, frame.code_context, frame.index)
    traceback.print_stack()
    return inspect.currentframe().f_back.f_code.co_name


print(f())
