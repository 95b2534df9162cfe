if True:
    print("x")
    