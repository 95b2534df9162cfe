import contextvars
import functools
import itertools
import operator

v = contextvars.ContextVar("v", default=1)
c = contextvars.copy_context()
c.run(v.set, 5)
print(v.get(), c[v])


@functools.lru_cache
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


print(fib(80), fib.cache_info(), functools.reduce(operator.mul, range(1, 6)))
print(list(itertools.permutations("ab")), list(itertools.batched("abc", 2)) if hasattr(itertools, "batched") else "", list(itertools.accumulate([1, 2, 3])))


@functools.singledispatch
def show(x):
    return "any"


show.register(int, lambda x: "int")
print(show(1), show("x"))
