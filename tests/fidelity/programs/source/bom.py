print("after a byte order mark", __file__)
1 / 0
