print("x")
print("y")
