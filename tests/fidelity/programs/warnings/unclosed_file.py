import warnings

warnings.simplefilter("always")
file = open("a.txt", "w")
del file
print("done")
