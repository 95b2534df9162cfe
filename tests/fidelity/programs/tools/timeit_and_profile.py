import cProfile
import io
import pstats
import timeit


def f():
    return sum(range(100))


print(timeit.timeit("f()", globals=globals(), number=10) > 0)
profile = cProfile.Profile()
profile.runcall(f)
stats = pstats.Stats(profile)
print(sorted(k[2] for k in stats.stats if k[2] == "f"), [k[0] for k in stats.stats if k[2] == "f"])
