import sys

seen = []
sys.addaudithook(lambda event, args: seen.append(event) if event in ("open", "import", "exec") else None)
exec("1")
open("x", "w").close()
import colorsys

print(seen[:3])
