from __future__ import annotations

x: NoSuchName = 5


def f(a: Undefined) -> Never: ...


print(__annotations__, f.__annotations__, annotations)
