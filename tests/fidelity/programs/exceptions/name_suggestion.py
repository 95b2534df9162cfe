balance = 5
print(balanse)
