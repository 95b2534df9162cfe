def make(n):
    try:
        raise ValueError(f"number {n}")
    except ValueError as error:
        return error


raise ExceptionGroup("several", [make(1), TypeError("plain"), ExceptionGroup("nested", [make(2), KeyError("k")])])
