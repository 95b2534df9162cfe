open("helper.py", "w").write("import warnings\nwarnings.warn('from helper', DeprecationWarning)\nwarnings.warn('loud')\n")
import helper

print(helper.__name__)
