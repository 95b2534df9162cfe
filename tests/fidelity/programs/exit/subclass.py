class Leave(SystemExit):
    pass


try:
    raise Leave(12)
finally:
    print("finally")
