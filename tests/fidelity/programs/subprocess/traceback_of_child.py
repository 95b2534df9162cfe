import subprocess
import sys

open("child.py", "w").write("def f():\n    return [][1]\nf()\n")
print(subprocess.run([sys.executable, "child.py"]).returncode)
