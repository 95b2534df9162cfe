print("a", end="")
try:
    input("prompt> ")
except EOFError:
    print("end")
