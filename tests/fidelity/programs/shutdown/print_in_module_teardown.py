class Printer:
    def __del__(self, print=print):
        print("kept its own print")


import sys

sys.printer = Printer()
print("end")
