import subprocess
import sys

open("mod.py", "w").write("import sys\nprint(__name__, sys.argv[1:])\n")
subprocess.run([sys.executable, "-m", "mod", "a", "b"])
subprocess.run([sys.executable, "-c", "import mod"])
subprocess.run([sys.executable, "-"], input=b"print('from stdin', __name__)")
