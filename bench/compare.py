"""Two things in turns, and what the second costs against the first: `python3 bench/compare.py --binary A [--against B]`, as root.

With --against: two binaries that run a hello world, as before and after a change. Without: one binary, and a hello world that uses
every optional field of a request against one that is code alone. Each has a service of its own, which is idle while the other one is
measured. Each round measures both, in an order that alternates, so that what happens to the machine meanwhile happens to both; what is
told is the median of each, and the median and the middle half of the ratios of the rounds. Processor time is that of the whole service:
its processes and its sandboxes. It tells more than latency does where others use the machine."""

import argparse
import glob
import json
import os
import statistics
import tempfile
from pathlib import Path

from programs import HELLO
from systems import broker_pid, children, load, processor_seconds, start_hatchery

REST = 0.02
KEEPS = ("--rotate-runs", "0", "--rotate-age", "0")  # what a zygote that was replaced has used would be missing
FIELDS = {
    "timeout": 5, "stdin": "one\ntwo\n", "args": ["a", "b"], "env": {"NAME": "value"}, "environment": "default",
    "files": [{"path": "folder/data.txt", "content": "text"}], "limits": {"cpu_time": 5, "output": 100000, "open_files": 32},
}
LOWER = {"limits": {"memory": 64 << 20, "processes": 8}}  # waits for the broker's answer
COLLECT = {"collect": ["*.txt"]}  # waits for a collector
# what is told: its unit, how many of it a second are, digits
FIGURES = {
    "p50, 20 ms between requests": ("ms", 1e3, 3), "p50, no pause": ("ms", 1e3, 3), "8 clients": ("runs/s", 1, 0),
    "8 clients, processor time": ("ms a run", 1e3, 3), "8 clients, of broker and front": ("ms a run", 1e3, 3),
}


class Side:
    """A binary's service, and what is asked of it."""

    def __init__(self, options, binary, folder, body):
        self.client, self.body = options.binary, json.dumps({"code": HELLO[0], **body})
        self.server = start_hatchery(argparse.Namespace(binary=binary), folder, *KEEPS)
        self.broker = broker_pid(self.server)
        names = {pid: Path(f"/proc/{pid}/comm").read_text().strip() for pid in children(self.broker)}
        self.two = [self.broker, *(pid for pid, name in names.items() if "front" in name)]
        # the first python3 is the zygote, the others are its forks, and counted in their groups
        zygote = min(pid for pid, name in names.items() if name.startswith("python"))
        self.lasting = [*self.two, zygote, *(pid for pid, name in names.items() if name == "incubator")]
        self.counter = self.find_counter()

    def find_counter(self):
        """Of the processor time of all sandboxes: cgroup v1's or v2's file, and how to read it."""
        for folder in glob.glob(f"/sys/fs/cgroup/**/hatchery-{self.broker}", recursive=True):
            if Path(folder, "cpuacct.usage").exists():
                return lambda: int(Path(folder, "cpuacct.usage").read_text()) / 1e9
            if Path(folder, "cgroup.type").exists():
                return lambda: int(Path(folder, "cpu.stat").read_text().split()[1]) / 1e6
        raise SystemExit("compare: the service's cgroup is not below /sys/fs/cgroup")

    def measure(self, seconds):
        def run(clients, rest):
            return load(self.client, self.server.url, self.body, HELLO[1], clients, seconds, rest)

        found = {"p50, 20 ms between requests": run(1, REST)["p50"], "p50, no pause": run(1, 0)["p50"]}
        before = processor_seconds(*self.lasting) + self.counter(), processor_seconds(*self.two)
        many = run(8, 0)
        found["8 clients"] = many["per_second"]
        found["8 clients, processor time"] = (processor_seconds(*self.lasting) + self.counter() - before[0]) / many["runs"]
        found["8 clients, of broker and front"] = (processor_seconds(*self.two) - before[1]) / many["runs"]
        return found


def compare(options, folder, names, sides):
    for side in sides:
        side.measure(0.3)
    rounds = [[], []]
    for number in range(options.rounds):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            rounds[which].append(sides[which].measure(options.seconds))
    print(f"{'':32}{names[0]:>24}{names[1]:>24}   ratio (middle half of {options.rounds} rounds)")
    for name, (unit, scale, digits) in FIGURES.items():
        first, second = ([one[name] for one in side] for side in rounds)
        ratios = [b / a for a, b in zip(first, second)]
        low, _, high = statistics.quantiles(ratios, n=4)
        told = [f"{statistics.median(side) * scale:.{digits}f} {unit}" for side in (first, second)]
        print(f"{name:32}{told[0]:>24}{told[1]:>24}   {statistics.median(ratios):.3f} ({low:.3f} to {high:.3f})", flush=True)


def main():
    parser = argparse.ArgumentParser(description="Measure two binaries, or two requests, in turns.")
    parser.add_argument("--binary", required=True)
    parser.add_argument("--against", help="a binary built before the change; without: the same one, asked for all that a request can ask for")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1, help="of each figure in a round")
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("--rounds must be at least 2")
    if options.against:
        pairs = [("against", "binary", (options.against, {}), (options.binary, {}))]
    else:
        more = {"with every field but two": FIELDS, "with a limit lowered": LOWER, "with files back": COLLECT}
        pairs = [("code alone", name, (options.binary, {}), (options.binary, fields)) for name, fields in more.items()]
    for first, second, *sides in pairs:
        with tempfile.TemporaryDirectory(prefix="hatchery-bench-") as folder:
            started = []
            try:
                for binary, body in sides:
                    started.append(Side(options, binary, folder, body))
                compare(options, folder, (first, second), started)
            finally:
                for side in started:
                    side.server.stop()
        print()


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C"
    main()
