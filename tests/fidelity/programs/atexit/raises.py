import atexit


class Bad:
    def __call__(self):
        raise ValueError("in atexit")

    def __repr__(self):
        return "<Bad>"


atexit.register(print, "still run")
atexit.register(Bad())
print("end")
