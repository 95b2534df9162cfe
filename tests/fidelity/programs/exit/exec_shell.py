import os

os.execvp("sh", ["sh", "-c", "echo shell; exit 44"])
