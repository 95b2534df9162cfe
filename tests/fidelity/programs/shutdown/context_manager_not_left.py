import contextlib


@contextlib.contextmanager
def managed():
    print("enter")
    try:
        yield
    finally:
        print("leave")


m = managed()
m.__enter__()
print("end")
