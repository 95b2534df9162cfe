try:
    raise ExceptionGroup("all", [ValueError("v"), TypeError("t"), OSError(2, "gone")])
except* ValueError as group:
    print("values", group.exceptions)
except* TypeError as group:
    print("types", group.exceptions)
