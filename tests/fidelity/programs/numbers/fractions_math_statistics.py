import cmath
import fractions
import math
import statistics

print(fractions.Fraction(3, 4) + fractions.Fraction("0.1"), math.comb(50, 25), math.gcd(12, 18), math.isqrt(10**20), math.nextafter(1, 2))
print(statistics.mean([1, 2, 3, 4]), statistics.stdev([1, 2, 3, 4]), statistics.quantiles(range(10)), cmath.sqrt(-1))
print(0.1 + 0.2, 1e16 + 1, round(2.5), -7 // 2, divmod(-7, 2), 7 % -3, 2**200, (0.1).hex(), float("1e400"))
math.sqrt(-1)
