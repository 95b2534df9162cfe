import inspect


def outer():
    def inner():
        return 1

    return inner


f = lambda x: x + 1
print(inspect.getsource(outer()))
print(inspect.getsource(f))
exec("def made(): pass")
inspect.getsource(made)
