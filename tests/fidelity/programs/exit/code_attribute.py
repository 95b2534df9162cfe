e = SystemExit(3)
e.code = 9
raise e
