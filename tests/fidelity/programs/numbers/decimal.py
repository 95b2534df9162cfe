from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, getcontext, localcontext

print(Decimal("0.1") + Decimal("0.2"), Decimal(1) / 3, Decimal("2").sqrt(), Decimal("1.005").quantize(Decimal(".01"), ROUND_HALF_UP))
with localcontext() as c:
    c.prec = 50
    print(Decimal(2).sqrt(), Decimal(1).exp())
print(getcontext())
try:
    Decimal("x")
except InvalidOperation as e:
    print(e)
Decimal(1) / 0
