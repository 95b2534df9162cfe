import faulthandler
import sys

faulthandler.enable()
print(faulthandler.is_enabled(), flush=True)


def f():
    faulthandler.dump_traceback(all_threads=False)


f()
faulthandler.disable()
print(faulthandler.is_enabled())
