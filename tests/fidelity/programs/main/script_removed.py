import os

os.remove("main.py")


def f():
    raise ValueError("there are no source lines")


f()
