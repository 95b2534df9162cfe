x = 1
name = "never closed
print(name)
