open("random.py", "w").write("print('own random')\nvalue = 4\n")
open("json.py", "w").write("print('own json')\n")
import json
import random

print(random.value, random.__file__)
json.dumps
