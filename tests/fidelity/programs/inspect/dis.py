import dis


def f(a):
    for x in a:
        print(x)


code = f.__code__
print(code.co_filename, code.co_firstlineno, code.co_names, code.co_varnames, code.co_qualname)
print([i.opname for i in dis.get_instructions(f)][:3], list(code.co_lines())[0][2])
