import random

r = random.Random("seed")
print([r.randrange(100) for _ in range(5)], r.shuffle(x := list(range(8))), x, r.uniform(1, 2), r.choices("ab", [1, 9], k=5))
print(random.Random(5).getrandbits(70), random.Random(1).expovariate(1), random.Random(2).normalvariate(0, 1))
