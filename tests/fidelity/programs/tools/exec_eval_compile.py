namespace = {}
exec("def f(x):\n    return x * 2\ny = f(21)", namespace)
print(namespace["y"], eval("y + 1", namespace), sorted(k for k in namespace))
print(eval("__name__"), compile("1+1", "<s>", "eval").co_filename)
exec("print(__name__)", {})
exec("x =")
