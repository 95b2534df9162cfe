import sys


class Angry:
    def write(self, text):
        return sys.__stdout__.write(text)

    def flush(self):
        raise OSError("no flush")

    def __repr__(self):
        return "<Angry>"


sys.stdout = Angry()
print("x")
