print("no newline", end="")
raise ValueError("x")
