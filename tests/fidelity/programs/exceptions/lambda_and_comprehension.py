values = [1, 0, 2]
f = lambda x: [1 / v for v in x]
print(sum(y for y in f(values)))
