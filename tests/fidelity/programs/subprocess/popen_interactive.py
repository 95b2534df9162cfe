import subprocess
import sys

p = subprocess.Popen([sys.executable, "-u", "-c", "while True: print(eval(input()))"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1)
for e in ["1+1", "'a'*3", "[i for i in range(3)]"]:
    p.stdin.write(e + "\n")
    p.stdin.flush()
    print(p.stdout.readline().strip())
p.stdin.close()
print(p.wait())
