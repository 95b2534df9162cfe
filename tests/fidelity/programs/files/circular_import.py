open("a.py", "w").write("import b\nx = 1\n")
open("b.py", "w").write("from a import x\n")
import a
