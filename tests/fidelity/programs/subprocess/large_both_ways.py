import subprocess
import sys

data = bytes(range(256)) * 4096
p = subprocess.run([sys.executable, "-c", "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()[::-1])"], input=data, capture_output=True)
print(p.stdout == data[::-1], len(p.stdout), p.stderr)
