class Dog:
    tricks = []

    def __init__(self, name):
        self.name = name

    def add_trick(self, trick):
        self.tricks.append(trick)


d, e = Dog("Fido"), Dog("Buddy")
d.add_trick("roll over")
e.add_trick("play dead")
print(d.tricks)


class Reverse:
    def __init__(self, data):
        self.data, self.index = data, len(data)

    def __iter__(self):
        return self

    def __next__(self):
        if self.index == 0:
            raise StopIteration
        self.index -= 1
        return self.data[self.index]


print("".join(Reverse("spam")))
