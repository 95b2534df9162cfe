import pprint

pprint.pprint({"list": list(range(40)), "nested": {"a": {"b": ["x" * 30, "y" * 30, "z" * 30]}}, "t": (1,)})
pprint.pprint([{"k": "long text " * 12}], width=40)
