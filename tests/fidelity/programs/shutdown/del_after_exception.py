class Loud:
    def __del__(self):
        print("del")


def f():
    local = Loud()
    raise ValueError("keeps the frame")


f()
