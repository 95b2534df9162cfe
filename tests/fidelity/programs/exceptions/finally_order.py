def f():
    try:
        print("try")
        raise ValueError("lost")
    finally:
        print("finally")
        return "returned"


print(f())
with open("x.txt", "w") as file:
    file.write("abc")
    raise RuntimeError("inside with")
