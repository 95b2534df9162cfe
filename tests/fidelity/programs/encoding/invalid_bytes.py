import sys

sys.stdout.buffer.write("valid é ".encode())
sys.stdout.flush()
print("then text")
