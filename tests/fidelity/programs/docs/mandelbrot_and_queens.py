def mandelbrot():
    for y in range(-12, 13, 2):
        print("".join(" *"[abs(run(complex(x / 30, y / 10))) < 2] for x in range(-60, 30, 2)))


def run(c):
    z = 0
    for _ in range(30):
        z = z * z + c
        if abs(z) > 2:
            break
    return z


mandelbrot()


def queens(n, done=()):
    if len(done) == n:
        yield done
    for c in range(n):
        if all(c != d and abs(c - d) != len(done) - i for i, d in enumerate(done)):
            yield from queens(n, done + (c,))


print(len(list(queens(6))), next(queens(8)))
