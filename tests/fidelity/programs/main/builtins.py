import builtins

print(len(dir(builtins)) == len(set(dir(builtins))), [n for n in dir(builtins) if n.startswith("_")])
print(__builtins__ is builtins, [n for n in ("exit", "quit", "copyright", "credits", "license", "help") if hasattr(builtins, n)])
help
print(repr(copyright)[:20], repr(help))
