name = input("name? ")
print("never")
