from collections import ChainMap, Counter, OrderedDict, defaultdict, deque

print(Counter("abracadabra").most_common(3))
d = defaultdict(list)
for k, v in [("yellow", 1), ("blue", 2), ("yellow", 3)]:
    d[k].append(v)
print(sorted(d.items()), d)
print(deque(range(10), maxlen=3), OrderedDict(a=1), ChainMap({"a": 1}, {"a": 2, "b": 3})["b"])
