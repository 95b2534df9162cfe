import sys

for n in range(5):
    print("out", n)
    print("err", n, file=sys.stderr)
sys.stdout.write("end of out")
sys.stderr.write("end of err")
