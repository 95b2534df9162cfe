import trace

t = trace.Trace(count=1, trace=0)


def f():
    return 5


t.runfunc(f)
print(sorted((file, line) for file, line in t.results().counts if "main" in file))
