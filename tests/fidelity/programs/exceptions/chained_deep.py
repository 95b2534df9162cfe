def raise_again(n):
    try:
        if n == 0:
            raise ValueError("bottom")
        raise_again(n - 1)
    except Exception as error:
        raise RuntimeError(f"level {n}") from error


raise_again(4)
