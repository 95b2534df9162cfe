import collections
import pickle
import typing

P = collections.namedtuple("P", "x y", defaults=[5])


class T(typing.NamedTuple):
    a: int
    b: str = "b"


class D(typing.TypedDict, total=False):
    k: int


print(P(1), pickle.loads(pickle.dumps(P(1))), T(1), T.__annotations__, D(k=1), typing.get_type_hints(T))
print(P(1, 2)._asdict(), typing.get_args(dict[str, int]), int | None)


class Proto(typing.Protocol):
    def m(self): ...


Proto()
