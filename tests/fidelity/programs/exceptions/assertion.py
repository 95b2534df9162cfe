def check(x):
    assert x > 3, f"{x} is too small"


check(1)
