import code

code.interact(banner="hi", exitmsg="bye", local={"x": 1})
print("after")
