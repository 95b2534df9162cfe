import copy
import copyreg
import pickletools
import shelve


class C:
    def __init__(self):
        self.items = [1, [2, 3]]

    def __reduce__(self):
        return C, ()


a = C()
b, c = copy.copy(a), copy.deepcopy(a)
print(b.items == c.items, c.items is a.items)
with shelve.open("shelf") as shelf:
    shelf["key"] = {"a": [1, 2]}
with shelve.open("shelf") as shelf:
    print(dict(shelf))
