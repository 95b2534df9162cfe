open("json.py", "w").write("own = True\n")
open("shelve.py", "w").write("own = True\n")
import json
import shelve

print("own json:", hasattr(json, "own"))
print("own shelve:", hasattr(shelve, "own"))
