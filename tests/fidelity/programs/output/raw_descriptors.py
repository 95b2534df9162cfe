import os
import sys

sys.stdout.write("text ")
os.write(1, b"bytes ")
sys.stdout.buffer.write(b"buffer ")
sys.__stdout__.write("dunder\n")
os.write(2, b"error bytes\n")
