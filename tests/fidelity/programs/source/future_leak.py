code = compile("x: Missing = 1", "s", "exec")
try:
    exec(code)
except NameError as error:
    print(error)
from sys import flags

print(flags.optimize)
