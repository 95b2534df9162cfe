import os
import subprocess

r, w = os.pipe()
os.set_inheritable(w, True)
subprocess.run(["sh", "-c", f"echo through {'pipe'} >&{w}"], pass_fds=[w], preexec_fn=lambda: os.chdir("/"), cwd=".")
os.close(w)
print(os.read(r, 100))
