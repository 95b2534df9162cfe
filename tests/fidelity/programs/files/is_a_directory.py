import os

os.mkdir("d")
try:
    open("d", "w")
except IsADirectoryError as e:
    print(e)
try:
    os.mkdir("d")
except FileExistsError as e:
    print(e)
try:
    os.listdir("main.py")
except NotADirectoryError as e:
    print(e)
os.chdir("d")
print(os.getcwd())
import main
