import signal
import subprocess

p = subprocess.Popen(["sleep", "30"])
p.terminate()
print(p.wait())
p = subprocess.Popen(["sleep", "30"])
p.send_signal(signal.SIGKILL)
print(p.wait())
print(p)
