class Loud:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("del", self.name)


def f(x=Loud("default")):
    pass


g = lambda: closed
closed = Loud("global of a lambda")
f.attribute = Loud("attribute")
print("end")
