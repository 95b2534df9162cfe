import enum
import pickle


class Color(enum.Enum):
    RED = 1
    GREEN = enum.auto()
    ALIAS = 1


class Flag(enum.Flag):
    A = enum.auto()
    B = enum.auto()


print(list(Color), Color.ALIAS, Color(2), repr(Flag.A | Flag.B), pickle.loads(pickle.dumps(Color.RED)) is Color.RED)


class S(enum.StrEnum):
    X = enum.auto()


print(S.X, f"{S.X}", enum.IntEnum("N", "ONE TWO").TWO + 1)
Color(9)
