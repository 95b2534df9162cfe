def g():
    try:
        yield 1
        yield 2
    finally:
        print("generator's finally")


it = g()
print(next(it))
