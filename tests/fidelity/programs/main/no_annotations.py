print("__annotations__" in globals())
print(__annotations__)
