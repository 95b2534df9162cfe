def f():
    return """a
b"""

print(repr(f()))
x = 1 + \
    2
print(x)
1 / 0
