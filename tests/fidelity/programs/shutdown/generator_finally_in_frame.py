def g():
    try:
        yield 1
    finally:
        print("finally")


def use():
    it = g()
    next(it)
    raise ValueError("x")


use()
