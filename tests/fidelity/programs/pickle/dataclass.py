import dataclasses
import pickle
from dataclasses import dataclass, field


@dataclass(order=True, frozen=True, slots=True)
class Item:
    name: str
    price: float = 0.0
    tags: list = field(default_factory=list, compare=False)


i = Item("a", 2.5, ["x"])
print(i, pickle.loads(pickle.dumps(i)) == i, dataclasses.asdict(i), Item("a") < Item("b"))
print(dataclasses.replace(i, name="z"), [f.name for f in dataclasses.fields(Item)])
i.name = "b"
