print(sorted(vars()))
print(sorted(globals()) == sorted(vars()) == sorted(dir()))
