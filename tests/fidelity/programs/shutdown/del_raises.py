import sys


class Bad:
    def __del__(self):
        raise ValueError("at the end")

    def __repr__(self):
        return "<Bad>"


Bad.__del__ = type("Callable", (), {"__call__": lambda self: 1 / 0, "__repr__": lambda self: "<callable>", "__get__": lambda self, *a: self})()
bad = Bad()
print("end")
