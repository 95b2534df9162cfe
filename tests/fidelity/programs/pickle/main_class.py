import pickle


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __eq__(self, other):
        return vars(self) == vars(other)


class Derived(Point, dict):
    pass


data = pickle.dumps(Point(1, 2))
print(data)
print(pickle.loads(data) == Point(1, 2), pickle.loads(pickle.dumps(Point)) is Point, type(pickle.loads(pickle.dumps(Derived(1, 2)))).__qualname__)
pickle.loads(b"c__main__\nMissing\n.")
