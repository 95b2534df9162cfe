import os

os.rename("a-file", "another")
