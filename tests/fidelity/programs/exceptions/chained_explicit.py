class Wrong(Exception):
    pass


def inner():
    raise ValueError("inner")


try:
    inner()
except ValueError as error:
    raise Wrong("outer") from error
