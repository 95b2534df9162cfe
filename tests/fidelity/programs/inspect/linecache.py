import linecache

print(repr(linecache.getline(__file__, 1)), repr(linecache.getline("main.py", 3)), len(linecache.getlines(__file__)))
print(sorted(linecache.cache) == sorted({__file__, "main.py"}))
