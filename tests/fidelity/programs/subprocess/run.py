import subprocess
import sys

r = subprocess.run([sys.executable, "-c", "print('child'); import sys; sys.exit(3)"], capture_output=True, text=True)
print(r.returncode, repr(r.stdout), repr(r.stderr))
print(subprocess.check_output(["echo", "hello"]))
subprocess.run(["sh", "-c", "echo inherited; echo inherited error >&2"])
