def clean():
    raise OSError(5, "in clean")


try:
    raise ValueError("first")
except ValueError:
    try:
        clean()
    except OSError:
        raise TypeError("third")
