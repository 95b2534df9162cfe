import sys


class Thing:
    def __str__(self):
        return "a thing, by str"

    def __repr__(self):
        return "repr"


sys.exit(Thing())
