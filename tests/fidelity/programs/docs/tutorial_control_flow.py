words = ["cat", "window", "defenestrate"]
for w in words:
    print(w, len(w))
for n in range(2, 10):
    for x in range(2, n):
        if n % x == 0:
            print(n, "equals", x, "*", n // x)
            break
    else:
        print(n, "is a prime number")


def ask_ok(prompt, retries=4, reminder="Please try again!"):
    while True:
        reply = input(prompt)
        if reply in {"y", "ye", "yes"}:
            return True
        retries = retries - 1
        if retries < 0:
            raise ValueError("invalid user response")
        print(reminder)


ask_ok("Do you really want to quit?")
