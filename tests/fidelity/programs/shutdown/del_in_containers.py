class Loud:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("del", self.name)


class Holder:
    held = Loud("class attribute")


values = [Loud("in list 1"), Loud("in list 2")]
mapping = {"k": Loud("in dict")}
print("end")
