x = "a bc"
print(ascii(x))
1 / 0
