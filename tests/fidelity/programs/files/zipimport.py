import sys
import zipfile

with zipfile.ZipFile("lib.zip", "w") as z:
    z.writestr("zipped.py", "def f():\n    return 1 / 0\nprint('zipped', __file__, type(__loader__).__name__)\n")
    z.writestr("__main__.py", "print('main of the zip', __name__)\n")
sys.path.insert(0, "lib.zip")
import subprocess

import zipped

subprocess.run([sys.executable, "lib.zip"])
zipped.f()
