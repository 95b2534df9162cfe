print("start")
breakpoint()
print("never")
