import functools


def log(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


class C:
    @log
    @staticmethod
    def m(x):
        raise PermissionError(13, "no", x)


C().m("file.txt")
