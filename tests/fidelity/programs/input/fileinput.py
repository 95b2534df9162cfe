import fileinput

print(list(fileinput.input()))
