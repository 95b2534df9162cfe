class Odd(Exception):
    __notes__ = "not a list"


raise Odd("x")
