print(exit)
print(quit)
exit(5)
