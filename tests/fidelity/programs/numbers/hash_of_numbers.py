print(hash(5), hash(2.5), hash((1, 2, 3)), hash(True), hash(2**70), hash(1 + 2j), hash(None) == hash(None))
print({3, 1, 2}, {i % 7 for i in range(20)}, list({"b": 1, "a": 2}))
