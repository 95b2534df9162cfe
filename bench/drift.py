"""Does the service age? `python3 bench/drift.py --binary A [--runs 1000000]`, as root: `make bench-drift`.

One service, with its default settings, answers so many hello worlds, from eight clients that never pause; each answer is checked. After
10,000 runs, half of all and all it is compared with another service of the same binary that has just started: in alternating turns of
some hundred requests, with the young one started anew for every fourth, so that it stays within its first 10,000 and its zygote's luck
with addresses is not told as age. What is told are medians of the ratios of the turns, with their middle half; the processor time is the
one that others who use the machine disturb least. Beside it, when what the load has left ready was dropped again: memory (PSS) of the
processes that last and of all, open descriptors, control groups. SIGTERM ends the load: what was served until then is what is told."""

import argparse
import glob
import json
import os
import signal
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from programs import HELLO
from systems import MEBIBYTE, broker_pid, children, family, load, processor_seconds, proportional, start_hatchery

BODY = json.dumps({"code": HELLO[0]})
FIRST = 10_000
CLIENTS = 8
CHUNK = 5  # seconds of load, between which it is counted
RENEW = 4  # turns that a young service serves
GOAL = 1.05
POOL = 4  # that the default settings keep ready
GROWTH = 1  # MiB that is not told from none: what a zygote holds differs by that from one start to the next
FIGURES = {  # its unit, how many of it a second are
    "p50, one client": ("ms", 1e3), "p99, one client": ("ms", 1e3), "p50, 8 clients": ("ms", 1e3), "p99, 8 clients": ("ms", 1e3),
    "processor time, 8 clients": ("ms a run", 1e3),
}


class Service:
    """One of them, and what it has and costs."""

    def __init__(self, options, folder):
        self.binary, self.runs = options.binary, 0
        self.server = start_hatchery(options, folder)
        self.broker = broker_pid(self.server)
        self.run(1, 0.3)

    def run(self, clients, seconds):
        found = load(self.binary, self.server.url, BODY, HELLO[1], clients, seconds)
        self.runs += found["runs"]
        return found

    def lasting(self):
        """{role: pid}. Of the children those that are not in a process namespace of a sandbox."""
        found = {"supervisor": self.server.process.pid, "broker": self.broker}
        for pid in children(self.broker):
            try:
                name, status = Path(f"/proc/{pid}/comm").read_text(), Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue  # a sandbox that has ended
            role = next((role for role, word in (("front", "front"), ("incubator", "incubator"), ("zygote", "python")) if word in name), None)
            if role is not None and len(status.split("NSpid:")[1].split("\n")[0].split()) == 1:
                found[role] = pid
        return {role: found[role] for role in ("supervisor", "broker", "front", "incubator", "zygote")}

    def ready(self):
        with urllib.request.urlopen(self.server.url.replace("/execute", "/metrics")) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("hatchery_sandboxes_ready"))

    def groups(self):
        return [folder for folder in glob.glob(f"/sys/fs/cgroup/**/hatchery-{self.broker}", recursive=True) if Path(folder).is_dir()]

    def used(self):
        """Processor time so far: of its processes, and of all its sandboxes."""
        for folder in self.groups():
            if Path(folder, "cpuacct.usage").exists():
                runs = int(Path(folder, "cpuacct.usage").read_text()) / 1e9
                break
            if Path(folder, "cpu.stat").exists() and Path(folder, "cgroup.type").exists():
                runs = int(Path(folder, "cpu.stat").read_text().split()[1]) / 1e6
                break
        else:
            raise SystemExit("drift: the service's cgroup is not below /sys/fs/cgroup")
        return runs + processor_seconds(*self.lasting().values())

    def turn(self, seconds):
        one, before, zygote = self.run(1, seconds), self.used(), self.lasting()["zygote"]
        many = self.run(CLIENTS, seconds)
        found = {"p50, one client": one["p50"], "p99, one client": one["p99"], "p50, 8 clients": many["p50"], "p99, 8 clients": many["p99"]}
        if self.lasting()["zygote"] == zygote:  # with one that was replaced, its processor time is gone
            found["processor time, 8 clients"] = (self.used() - before) / many["runs"]
        return found

    def look(self):
        """What it holds when nothing is asked of it."""
        end = time.monotonic() + 120  # pool-idle is 30
        while self.ready() > POOL and time.monotonic() < end:
            time.sleep(0.5)
        time.sleep(1)
        lasting = self.lasting()
        found = {role: proportional(pid) / MEBIBYTE for role, pid in lasting.items()}
        found["all"] = sum(proportional(pid) for pid in family(self.server.process.pid)) / MEBIBYTE
        return {
            "runs": self.runs, "memory": found, "processes": len(family(self.server.process.pid)),
            "descriptors": sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in lasting.values()),
            "groups": sum(len(folders) for folder in self.groups() for _, folders, _ in os.walk(folder)),
        }


def compare(options, folder, old, turns):
    """{figure: [ratio of each turn, the old one's against a young one's]}, and the medians of both."""
    seen = {name: ([], []) for name in FIGURES}
    young = None
    try:
        for number in range(turns):
            if number % RENEW == 0:
                if young is not None:
                    young.server.stop()
                young = Service(options, folder)
                young.run(CLIENTS, 1)  # what the first load makes ready the old one has had
                old.run(CLIENTS, 1)
            pair = [None, None]
            for which in (0, 1) if number % 2 == 0 else (1, 0):
                pair[which] = (old, young)[which].turn(options.seconds)
            for name, values in seen.items():
                if all(name in one for one in pair):
                    for which in (0, 1):
                        values[which].append(pair[which][name])
    finally:
        if young is not None:
            young.server.stop()
    return {name: {"old": values[0], "young": values[1], "ratio": [a / b for a, b in zip(*values)]} for name, values in seen.items()}


def told(values):
    if len(values) < 2:
        return f"{values[0]:.3f}" if values else "-"
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def print_stage(stage):
    print(f"\nafter {stage['runs']:,} runs against a young one ({len(stage['turns']['p50, one client']['ratio'])} turns)")
    for name, (unit, scale) in FIGURES.items():
        one = stage["turns"][name]
        old, young = (statistics.median(one[who]) * scale if one[who] else float("nan") for who in ("old", "young"))
        print(f"  {name:26} {old:8.3f} {young:8.3f} {unit:9} ratio {told(one['ratio'])}", flush=True)


def print_look(look):
    memory = look["memory"]
    print(f"{look['runs']:>12,} runs: PSS in MiB " + ", ".join(f"{role} {size:.2f}" for role, size in memory.items()) +
          f"; {look['processes']} processes, {look['descriptors']} descriptors, {look['groups']} control groups", flush=True)


def serve_until(old, runs, part, ended):
    """Load until it has served so many. Tells the part's p50 and rate: the median of its chunks."""
    chunks = []
    while old.runs < runs and not ended:
        left = (runs - old.runs) / (chunks[-1]["per_second"] if chunks else 500)
        chunks.append(old.run(CLIENTS, min(CHUNK, max(0.2, left))))
    if chunks:
        part.append({"runs": old.runs, "p50": statistics.median(c["p50"] for c in chunks), "p99": statistics.median(c["p99"] for c in chunks),
                     "per_second": sum(c["runs"] for c in chunks) / sum(c["seconds"] for c in chunks)})
        print(f"{old.runs:>12,} runs: 8 clients, p50 {part[-1]['p50'] * 1e3:.2f} ms, p99 {part[-1]['p99'] * 1e3:.2f} ms, {part[-1]['per_second']:.0f} a second",
              flush=True)


def look_and_compare(options, folder, old, turns, results):
    results["looks"].append(old.look())
    print_look(results["looks"][-1])
    results["stages"].append({"runs": old.runs, "turns": compare(options, folder, old, turns)})
    print_stage(results["stages"][-1])
    Path(options.json).write_text(json.dumps(results, indent=1) + "\n")


def goals(results):
    """(what, figure, goal, met)"""
    turns = results["stages"][-1]["turns"]
    for name in FIGURES:
        found = statistics.median(turns[name]["ratio"]) if turns[name]["ratio"] else float("nan")
        yield name, f"{found:.3f} x", f"<= {GOAL} x", found <= GOAL
    first, last = results["looks"][0], results["looks"][-1]
    for what in ("all", "broker", "front", "zygote"):
        grown = last["memory"][what] - first["memory"][what]
        yield f"memory, {what}", f"{grown:+.2f} MiB", f"<= {GROWTH} MiB", grown <= GROWTH
    held = [one["descriptors"] - one["processes"] for one in (first, last)]  # the broker has one of each, and inits stay with their slots
    for what, grown in (("descriptors, but for one of each process", held[1] - held[0]), ("control groups", last["groups"] - first["groups"])):
        yield what, f"{grown:+d}", "<= 0", grown <= 0


def main():
    parser = argparse.ArgumentParser(description="Measure a service that has served for long against one that has just started.")
    parser.add_argument("--binary", required=True)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=32, help="of the last comparison; the two before have half of it")
    parser.add_argument("--seconds", type=float, default=0.5, help="of each figure in a turn")
    parser.add_argument("--json", default="build/drift.json")
    options = parser.parse_args()
    if options.runs < 2 * FIRST or options.turns < 8:
        parser.error(f"--runs must be at least {2 * FIRST}, --turns at least 8")
    with tempfile.TemporaryDirectory(prefix="hatchery-bench-") as folder:
        ended = []
        signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
        results = {"runs": options.runs, "stages": [], "looks": [], "parts": []}
        old = Service(options, folder)
        try:
            serve_until(old, FIRST, results["parts"], ended)
            look_and_compare(options, folder, old, options.turns // 2, results)
            for tenth in range(1, 11):
                serve_until(old, options.runs * tenth // 10, results["parts"], ended)
                if tenth == 5 and not ended:
                    look_and_compare(options, folder, old, options.turns // 2, results)
            look_and_compare(options, folder, old, options.turns, results)
        finally:
            old.server.stop()
    print()
    missed = 0
    for what, figure, goal, met in goals(results):
        missed += not met
        print(f"{what:42} {figure:>12}   goal {goal:10} {'met' if met else 'MISSED'}")
    print(f"all figures: {options.json}")
    return 1 if missed else 0


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C"
    sys.exit(main())
