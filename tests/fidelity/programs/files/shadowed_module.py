open("shelve.py", "w").write("print('own shelve')\nvalue = 4\n")
open("colorsys.py", "w").write("print('own colorsys')\n")
import colorsys
import shelve

print(shelve.value, shelve.__file__)
shelve.open
