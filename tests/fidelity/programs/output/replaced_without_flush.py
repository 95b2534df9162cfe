import sys


class Bare:
    def __repr__(self):
        return "<Bare>"

    def write(self, text):
        sys.__stdout__.write("<" + text.rstrip() + ">")


sys.stdout = Bare()
print("x")
