code = compile("x = 1\ny = x / 0\n", "virtual.py", "exec")
exec(code)
