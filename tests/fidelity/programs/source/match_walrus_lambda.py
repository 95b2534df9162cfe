match {"kind": "point", "x": 1}:
    case {"kind": "point", "x": x}:
        print("point", x)
if (n := len("abc")) > 2:
    print(n)
print((lambda *a, **k: (a, k))(1, b=2))
print([y for x in range(3) if (y := x * x)])
