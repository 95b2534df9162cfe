import random
import secrets
import uuid

print(0 <= random.random() < 1, len(secrets.token_hex(8)), uuid.uuid4().version)
random.seed(42)
print(random.random(), random.randint(1, 100), random.sample(range(100), 5), random.choice("abc"), random.gauss(0, 1))
