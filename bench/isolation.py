"""make bench-isolation: what the isolation costs and how fast it acts. Prints each figure beside its goal.

  loops   ten programs that keep a core busy, inside and outside in turns: the ratio of the medians of their
          processor time. Not of the fastest: outside, each round is another memory layout, of which some are 5 % faster;
          inside, all rounds have that of their zygote
  kill    fork bombs at their limit, until their end is answered: from the verdict to the death of the last process
  limit   fork bombs that start with their first instruction: the kernel's own peak never exceeds the limit
  making  the processor time of the whole service while it fills a large pool, for each sandbox, against forks of an interpreter
          with the same modules that wait as the sandboxes do, each in a nest that is made for it; and the time by the clock
          of the later ones, which find a nest and cgroups in their place, against a bare fork, its run and end, with the same pauses
"""

import argparse
import http.client
import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

from systems import PYTHON, BareFork, environment, family, processor_seconds, start_hatchery

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
REST = 0.02
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


def spent(server):
    """Processor seconds so far, by the names of processes, of all that the service has started. What has ended is with whoever reaped
    it, in hundredths of a second: it takes many of them to tell."""
    seconds = Counter()
    for pid in family(server.process.pid):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
            seconds[stat.split("(", 1)[1].rsplit(")", 1)[0]] += (
                processor_seconds(pid) + sum(map(int, stat.rsplit(")", 1)[1].split()[13:15])) / os.sysconf("SC_CLK_TCK"))
        except OSError:
            pass  # it has just ended
    return seconds


def ready_sandboxes(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return int(re.search(r"^hatchery_sandboxes_ready\S* (\d+)$", text, re.MULTILINE).group(1))


def fill(options, folder):
    """Of one sandbox: processor seconds by the names of processes, and seconds by the clock. And the modules of a zygote."""
    server = start_hatchery(SimpleNamespace(binary=options.binary), folder, "--pool", str(options.pool), "--learn", "")
    try:
        first, before, start = ready_sandboxes(server), spent(server), time.perf_counter()
        # Looking at processes costs the service nothing, where asking it would: it is asked when no more of them come.
        last, count = start, 0
        while time.perf_counter() - last < 0.5:
            time.sleep(0.02)
            if (now := len(family(server.process.pid))) != count:
                last, count = time.perf_counter(), now
        after, made = spent(server), ready_sandboxes(server) - first
        if first + made < options.pool:
            raise SystemExit(f"isolation: {first + made} of {options.pool} sandboxes are ready, and no more come")
        modules = json.loads(server.execute(code="import sys, json\nprint(json.dumps(sorted(sys.modules)))")[0]["output"])
    finally:
        server.stop()
    return Counter({name: (after[name] - before[name]) / made for name in after}), (last - start) / made, modules


def again(options, folder, bare):
    """Seconds by the clock that making the next sandbox took after a run, and that a bare fork, its run and its end take."""
    server = start_hatchery(SimpleNamespace(binary=options.binary), folder, "--pool", "4", "--learn", "")
    setups, forks = [], []
    try:
        for _ in range(options.rounds):
            for _ in range(100):
                setups.append(server.execute(code="print(1)")[0]["usage"]["setup"])
                time.sleep(REST)
            forks.append(bare.measure(("print(1)", "1\n"), 1, 1, REST)["p50"])
    finally:
        server.stop()
    return statistics.median(setups), statistics.median(forks)


def making(options, folder):
    modules = [name for name in fill(options, folder)[2] if name != "__main__" and not name.startswith("_hatchery")]
    made, lasted, waits, ended = [], [], [], []
    bare = BareFork(*modules)
    try:
        bare.hold(8)
        for _ in range(options.rounds):
            processor, seconds, _ = fill(options, folder)
            forked = bare.hold(options.pool)
            made.append(processor)
            lasted.append(seconds)
            waits.append(forked["ready"])
            ended.append(forked["whole"])
        setup, run = again(options, folder, bare)
    finally:
        bare.stop()
    one, fork, whole = (statistics.median(times) for times in ([sum(each.values()) for each in made], waits, ended))
    shares = {name: statistics.median(each[name] for each in made) for name in made[0]}
    ratio = one / fork
    return [
        ("  a sandbox, made ready: processor time", f"{one * 1000:.2f} ms", "", True),
        *((f"    of that {name}", f"{seconds * 1000:.2f} ms", "", True) for name, seconds in shares.items() if seconds >= 0.00005),
        ("  by the clock, one after the other", f"{statistics.median(lasted) * 1000:.2f} ms", "", True),
        ("  a bare fork that waits", f"{fork * 1000:.2f} ms", "", True),
        ("  a bare fork that waits, ends and is reaped", f"{whole * 1000:.2f} ms", "", True),
        ("making one, against a bare fork that is ended and reaped", f"{one / whole:.2f}", "", True),
        ("making one, against a bare fork that waits", f"{ratio:.2f}", "1.6", ratio <= 1.6),
        ("  the next one in its place, by the clock", f"{setup * 1000:.2f} ms", "", True),
        ("  a bare fork, its run and its end, by the clock", f"{run * 1000:.2f} ms", "", True),
        ("making the next one, against a bare fork, its run and its end", f"{setup / run:.2f}", "1.6", setup / run <= 1.6)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bombs", type=int, default=5)
    parser.add_argument("--early", type=int, default=200)
    parser.add_argument("--pool", type=int, default=200, help="sandboxes that are made, and forks")
    parser.add_argument("--only", choices=("kill", "limit", "loops", "making"))
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        if options.only in (None, "making"):
            rows += making(options, folder)
        server = start_hatchery(SimpleNamespace(binary=options.binary), folder, "--pool", "4", "--concurrency", "4", "--limit-processes", str(LIMIT), "--limit-memory", "1G")
        try:
            for part in (kill, limit, loops):
                rows += part(options, server) if options.only in (None, part.__name__) else []
        finally:
            server.stop()
    width = max(len(row[0]) for row in rows)
    for name, found, goal, met in rows:
        print(f"{name.ljust(width)}  {found.rjust(10)}  {('goal ' + goal + (': met' if met else ': missed')) if goal else ''}")
    return 0 if all(row[3] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
