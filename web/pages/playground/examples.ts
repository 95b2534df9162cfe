// Programs that show what the service does, and what it does not let happen.
import type { Work } from "./work";

export interface Example {
  name: string;
  about: string;
  /** modules that the environment must have */
  modules?: string[];
  work: Partial<Work>;
}

const HELLO = `import platform
import sys
import time

print("Hello from Python", platform.python_version())
for number in range(5):
    print("counting:", number)
    time.sleep(0.3)  # output arrives as it is printed
print("and this is standard error", file=sys.stderr)
`;

const INPUT = `import os
import sys

print("arguments:", sys.argv[1:])
print("GREETING:", os.environ["GREETING"])
for line in sys.stdin:
    print(line.rstrip().upper())
`;

const PLOT = `import math

WIDTH, HEIGHT = 640, 240


def curve(damping, color):
    points = []
    for x in range(0, WIDTH + 1, 2):
        t = x / 64
        y = math.exp(-damping * t) * math.cos(3 * t)
        points.append(f"{x},{HEIGHT / 2 * (1 - 0.9 * y):.1f}")
    return f'<polyline points="{" ".join(points)}" fill="none" stroke="{color}" stroke-width="2"/>'


picture = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}">'
picture += '<rect width="100%" height="100%" fill="white"/>'
for damping, color in ((0.1, "#2f6fdb"), (0.3, "#e07b1a"), (0.6, "#3a9a50")):
    picture += curve(damping, color)
open("oscillations.svg", "w").write(picture + "</svg>")  # files are shown
print("drew oscillations.svg")
`;

const MATPLOTLIB = `import math

import matplotlib.pyplot as plt

x = [i / 50 for i in range(500)]
figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
for damping in (0.1, 0.3, 0.6):
    y = [math.exp(-damping * t) * math.cos(3 * t) for t in x]
    axes.plot(x, y, label=f"damping {damping}")
axes.set(xlabel="time", ylabel="amplitude", title="Damped oscillations")
axes.grid(alpha=0.3)
axes.legend()
figure.savefig("oscillations.png", dpi=110)  # files are shown
print("saved oscillations.png")
`;

const CSV = `import pandas as pd

table = pd.read_csv("orders.csv", parse_dates=["day"])
table["total"] = table["price"] * table["quantity"]
summary = table.groupby("item")["total"].agg(["count", "sum"])
print(summary.sort_values("sum", ascending=False))
summary.to_csv("summary.csv")
`;

const ORDERS = `day,item,price,quantity
2026-03-02,eggs,0.35,120
2026-03-02,milk,1.10,14
2026-03-03,eggs,0.35,96
2026-03-04,flour,0.95,30
2026-03-04,milk,1.15,20
2026-03-05,eggs,0.40,150
`;

const ENDLESS = `import itertools


def search(start):
    for number in itertools.count(start):
        if number * number < 0:  # never
            return number


print("looking for a number whose square is negative ...")
search(1)
`;

const MEMORY = `blocks = []
while True:
    blocks.append(bytearray(16 << 20))
    print("holding", 16 * len(blocks), "MiB", flush=True)
`;

const FORK = `import os

print("one process, for now", flush=True)
while True:
    try:
        os.fork()
    except BlockingIOError:  # the kernel says: no more
        pass
`;

const NETWORK = `import os
import socket

print("user id:", os.getuid(), " processes:", [p for p in os.listdir("/proc") if p.isdigit()])
for path in ("/etc/shadow", "/root"):
    try:
        print(path, os.stat(path))
    except OSError as error:
        print(path, "->", error.strerror)
socket.create_connection(("192.0.2.1", 80), timeout=2)
`;

const ERROR = `def average(numbers):
    return sum(numbers) / len(numbers)


for row in ([3, 4, 5], [10], []):
    print(row, "->", average(row))
`;

export const EXAMPLES: readonly Example[] = [
  { name: "Hello", about: "output as it is printed", work: { code: HELLO } },
  {
    name: "Input",
    about: "standard input, arguments, variables",
    work: { code: INPUT, stdin: "first line\nsecond line\n", args: ["--verbose", "two words"], env: { GREETING: "good morning" } },
  },
  { name: "Error", about: "a traceback that leads to its line", work: { code: ERROR } },
  { name: "Plot", about: "a picture, with nothing but Python", work: { code: PLOT } },
  { name: "Matplotlib", about: "a picture from matplotlib", modules: ["matplotlib"], work: { code: MATPLOTLIB, timeout: 20 } },
  {
    name: "CSV",
    about: "pandas reads a file and writes one",
    modules: ["pandas"],
    work: { code: CSV, timeout: 20, files: [{ path: "orders.csv", content: ORDERS }] },
  },
  { name: "Endless loop", about: "ends at its time limit, and tells where it was", work: { code: ENDLESS, timeout: 2 } },
  { name: "Memory bomb", about: "ends at its memory limit", work: { code: MEMORY } },
  { name: "Fork bomb", about: "stays within its processes; nothing is left", work: { code: FORK, timeout: 2 } },
  { name: "Look around", about: "no network, no other process, no file of others", work: { code: NETWORK } },
];
