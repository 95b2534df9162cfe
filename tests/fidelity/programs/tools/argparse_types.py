import argparse

p = argparse.ArgumentParser()
p.add_argument("-n", type=int, default=3, help="a number (default: %(default)s)")
print(p.parse_args([]), p.parse_args(["-n", "5"]))
p.parse_args(["-n", "x"])
