print(open("/dev/null").read() == "", len(open("/dev/zero", "rb").read(5)), len(open("/dev/urandom", "rb").read(5)))
open("/dev/null", "w").write("x")
import os

print(len(os.urandom(8)), len(os.getrandom(4)))
open("/dev/stdout", "w").write("through /dev/stdout\n")
