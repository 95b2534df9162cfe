"""make bench-isolation: what the isolation costs and how fast it acts. Prints each figure beside its goal.

  loops   ten programs that keep a core busy, inside and outside in turns: the ratio of the medians of their
          processor time. Not of the fastest: outside, each round is another memory layout, of which some are 5 % faster;
          inside, all rounds have that of their zygote
  kill    fork bombs at their limit, until their end is answered: from the verdict to the death of the last process
  limit   fork bombs that start with their first instruction: the kernel's own peak never exceeds the limit
"""

import argparse
import math
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from systems import PYTHON, environment, start_hatchery

LOOPS = {
    "nbody": "b = [[float(i + j) for j in range(7)] for i in range(5)]\nfor _ in range(9000):\n    for x in b:\n        for y in b:\n            if x is not y:\n                d = [x[k] - y[k] for k in range(3)]\n                m = 0.01 / ((d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + 1) ** 1.5)\n                x[3] -= d[0] * m; x[4] -= d[1] * m; x[5] -= d[2] * m",
    "fannkuch": "from itertools import permutations\nbest = 0\nfor p in permutations(range(8)):\n    q, n = list(p), 0\n    while q[0]:\n        k = q[0] + 1; q[:k] = q[k - 1::-1] if k == len(q) else q[:k][::-1]; n += 1\n    best = max(best, n)",
    "spectral norm": "def a(i, j): return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1)\nu = [1.0] * 130\nfor _ in range(8): u = [sum(a(i, j) * u[j] for j in range(130)) for i in range(130)]; s = max(u); u = [x / s for x in u]",
    "float": "from math import sin, cos, sqrt\npoints = [(sin(i), cos(i) * 3, sin(i) * sin(i) / 2) for i in range(120000)]\ns = sum(sqrt(x * x + y * y + z * z) for x, y, z in points)",
    "dictionaries": "d = {}\nfor i in range(500000): d[i % 5003] = d.get(i % 5003, 0) + i",
    "strings": "s = ' '.join(str(i) for i in range(120000))\nn = 0\nfor _ in range(6): n += len(s.replace('1', 'one').split(' '))",
    "json": "import json\nx = {'a': [1, 2.5, None, True, 'text'] * 200, 'b': {str(i): i for i in range(300)}}\nfor _ in range(130): json.loads(json.dumps(x))",
    "regular expressions": "import re\ns = 'the quick brown fox jumps over 13 lazy dogs at 12:45 ' * 400\nfor _ in range(25): re.findall(r'(\\w+) (\\d+):?(\\d*)', s)",
    "objects": "class P:\n    def __init__(self, x): self.x = x\n    def add(self, o): return P(self.x + o.x)\np = P(0)\nfor i in range(300000): p = p.add(P(i))",
    "sorting": "import random\nr = random.Random(1)\nfor _ in range(6): sorted((r.random() for _ in range(60000)), key=lambda v: -v)",
}
TIMED = "import time\n_t = time.process_time()\n{}\nprint(time.process_time() - _t)\n"
BOMB = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass\n"
LIMIT = 256


def loops(options, server):
    ratios = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, source in LOOPS.items():
            code, path = TIMED.format(source), f"{folder}/main.py"
            with open(path, "w") as file:
                file.write(code)
            inside, outside = [], []
            for _ in range(options.rounds):
                inside.append(float(server.execute(code=code, timeout=30)[0]["output"]))
                done = subprocess.run([PYTHON, path], capture_output=True, text=True, env=environment(), cwd=folder, check=True)
                outside.append(float(done.stdout))
            ratios[name] = statistics.median(inside) / statistics.median(outside)
    mean = math.exp(statistics.mean(math.log(ratio) for ratio in ratios.values()))
    return [(f"  {name}", f"{ratio:.3f}", "", True) for name, ratio in ratios.items()] + [
        ("processor-bound loops, inside over outside", f"{mean:.3f}", "1.02", mean <= 1.02)]


def kill(options, server):
    lasted = []
    for _ in range(options.bombs):
        answer, seconds = server.execute(code=BOMB, timeout=3)
        assert answer["status"] == "timeout" and answer["usage"]["processes_peak"] in (0, *range(LIMIT - 8, LIMIT + 1)), answer
        lasted.append(seconds - answer["usage"]["queued"] - answer["execution_time"])
    return [(f"a bomb of {LIMIT} processes, verdict to answer (all dead), worst of {options.bombs}", f"{max(lasted) * 1000:.0f} ms", "100 ms", max(lasted) <= 0.1)]


def limit(options, server):
    with ThreadPoolExecutor(4) as pool:
        answers = [answer for answer, _ in pool.map(lambda _: server.execute(code=BOMB, timeout=0.05), range(options.early))]
    peak = max(answer["usage"]["processes_peak"] for answer in answers)
    return [(f"peak of processes of {options.early} bombs, limit {LIMIT}", "not counted by this kernel" if peak == 0 else str(peak), str(LIMIT), peak <= LIMIT)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bombs", type=int, default=5)
    parser.add_argument("--early", type=int, default=200)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        server = start_hatchery(SimpleNamespace(binary=options.binary), folder, "--pool", "4", "--concurrency", "4", "--limit-processes", str(LIMIT), "--limit-memory", "1G")
        try:
            for part in (kill, limit, loops):
                rows += part(options, server)
        finally:
            server.stop()
    width = max(len(row[0]) for row in rows)
    for name, found, goal, met in rows:
        print(f"{name.ljust(width)}  {found.rjust(10)}  {('goal ' + goal + (': met' if met else ': missed')) if goal else ''}")
    return 0 if all(row[3] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
