import inspect


def function(a, b=2, *c, d: int = 4, **e) -> str:
    """A docstring."""
    return "x"  # a comment


class Class:
    """Of a class."""

    @property
    def p(self):
        return 1

    def m(self): return 2


print(inspect.getsource(function))
print(inspect.getsource(Class))
print(inspect.getsource(Class.m))
print(inspect.signature(function), inspect.getdoc(Class), inspect.getsourcelines(function)[1])
print(inspect.getsourcefile(function), inspect.getfile(Class), inspect.getmodule(function).__name__)
print(inspect.getcomments(function))
import sys

print(len(inspect.getsource(sys.modules["__main__"])))
