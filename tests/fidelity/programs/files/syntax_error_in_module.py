open("broken.py", "w").write("x = 1\ny = (2\n")
try:
    import broken
except SyntaxError as error:
    print(error.filename, error.lineno, error.msg)
import broken
