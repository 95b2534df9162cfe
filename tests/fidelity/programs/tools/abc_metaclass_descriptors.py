import abc


class Meta(type):
    def __new__(cls, name, bases, namespace, **k):
        print("making", name, k)
        return super().__new__(cls, name, bases, namespace)

    def __init__(cls, *a, **k):
        super().__init__(*a)


class A(metaclass=Meta, flag=1):
    def __init_subclass__(cls, **k):
        print("subclass", cls.__qualname__)

    def __set_name__(self, owner, name):
        print("named", name)


class B(A):
    a = A()


class I(abc.ABC):
    @abc.abstractmethod
    def m(self): ...


print(B.__module__, B, B.m if hasattr(B, "m") else None)
I()
