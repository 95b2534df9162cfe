import subprocess
import sys

subprocess.run([sys.executable, "-c", "f = open('x.txt', 'w'); f.write('abc')"])
print(open("x.txt").read())
