import tracemalloc

print(tracemalloc.is_tracing())
tracemalloc.start()
x = [bytes(1000) for _ in range(10)]
s = tracemalloc.take_snapshot()
print(any("main.py" in str(t.traceback) for t in s.statistics("lineno")))
tracemalloc.stop()
