print("fine")
print("half \ud83d pair")
