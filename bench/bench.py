"""make bench: hatchery beside a bare fork of a warm CPython, a FastAPI service, `python3 main.py`, and the same under bubblewrap.

Only ratios of one run on one machine mean something: within each round all take turns, row by row, and what is compared are
medians over the rounds. Prints a table and the goals, writes everything as JSON and a chart. Ends every process that it started.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import chart
from programs import BUSY, HELLO, PRELOAD, PROGRAMS
from systems import (
    BWRAP, MEBIBYTE, BareFork, Http, Other, Spawn, broker_pid, front_pid, load, machine_seconds, memory,
    processor_seconds, start_fastapi, start_hatchery,
)

REST = 0.02  # seconds between the requests of a client that does not keep the service busy
BIG = ("--limit-output", "16M")


def rows(names):
    """(row, program's name, clients, rest), in the order of the table."""
    for name in names:
        for clients in (1, 8, 64) if name == "hello world" else (1, 8):
            yield f"{name}, {clients} client{'s' if clients > 1 else ''}", name, clients, 0.0
            if name == "hello world" and clients == 1:
                yield f"hello world, 1 client, {REST * 1000:.0f} ms between requests", name, 1, REST


def measure_matrix(options, folder):
    """{row: {system: [what each round measured]}}"""
    found = {}
    fastapi = Http(options.binary, start_fastapi(options, folder))
    python, bwrap = Spawn(), Spawn(BWRAP) if shutil.which("bwrap") else None
    try:
        for preload in sorted({PRELOAD.get(name, ()) for name in options.programs}):
            names = [name for name in options.programs if PRELOAD.get(name, ()) == preload]
            settings = (*BIG, "--preload", ",".join(preload)) if preload else BIG
            systems = {
                "hatchery": Http(options.binary, start_hatchery(options, folder, *settings)),
                "bare fork": BareFork(*preload),
                "FastAPI": fastapi, "python3": python, "bubblewrap": bwrap,
            }
            if preload:  # with nothing configured: the first, short round is what it learns from
                systems["hatchery, learned"] = Http(options.binary, start_hatchery(options, folder, *BIG))
            others = {name: Other(options.binary, url, body, expected) for name, url, body, expected in options.also}
            try:
                for number in range(options.rounds + 1):
                    for row, name, clients, rest in rows(names):
                        for who, system in (systems | (others if name == "hello world" else {})).items():
                            if system is None or (number == 0 and rest):
                                continue
                            if clients > 1 and who in ("python3", "bubblewrap") and name != "hello world":
                                continue
                            # the first, short round warms everything up
                            one = system.measure(PROGRAMS[name], clients, options.seconds if number else 0.1, rest)
                            if number:
                                found.setdefault(row, {}).setdefault(who, []).append(one)
            finally:
                for who in ("hatchery", "hatchery, learned", "bare fork"):
                    if who in systems:
                        systems[who].stop()
    finally:
        fastapi.stop()
    return found


def measure_start(options, folder):
    """From the start of the process to the first program's answer."""
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        server = start_hatchery(options, folder)
        server.execute(code=HELLO[0])
        seconds.append(time.perf_counter() - start)
        server.stop()
    return seconds


def measure_memory(options, folder, *settings):
    """PSS with a pool of 4 and of 20, when everything rests: idle, and each sandbox more."""
    found = []
    for pool in (4, 20):
        server = start_hatchery(options, folder, "--pool", str(pool), "--pool-max", str(pool), *settings)
        try:
            server.execute(code=HELLO[0])
            time.sleep(2)
            found.append(memory(server)[0])
        finally:
            server.stop()
    return {"idle": found[0], "sandbox": (found[1] - found[0]) / 16}


def measure_processor(options, folder):
    """Processor time a run, 8 clients, and while nothing is asked."""
    server = start_hatchery(options, folder)
    body = json.dumps({"code": HELLO[0]})
    try:
        load(options.binary, server.url, body, HELLO[1], 8, 0.3)
        pids = (broker_pid(server), front_pid(server))
        found = {"broker": [], "front": [], "machine": []}
        for _ in range(options.rounds):
            before = [processor_seconds(pid) for pid in pids], machine_seconds()
            runs = load(options.binary, server.url, body, HELLO[1], 8, options.seconds * 2)["runs"]
            found["machine"].append((machine_seconds() - before[1]) / runs)
            for name, pid, was in zip(("broker", "front"), pids, before[0]):
                found[name].append((processor_seconds(pid) - was) / runs)
        time.sleep(2)
        before = processor_seconds(*pids)
        time.sleep(5)
        found["idle"] = (processor_seconds(*pids) - before) / 5
        return found
    finally:
        server.stop()


def measure_overload(options, folder):
    """Good answers a second from ten times the clients that the peak has; and what a refusal costs the service."""
    body = json.dumps({"code": HELLO[0]})
    server = start_hatchery(options, folder)
    found = {"peak": [], "overload": [], "refusal": [], "refused latency": []}
    try:
        load(options.binary, server.url, body, HELLO[1], 8, 0.3)
        for _ in range(options.rounds):
            found["peak"].append(load(options.binary, server.url, body, HELLO[1], 8, options.seconds)["per_second"])
            found["overload"].append(load(options.binary, server.url, body, HELLO[1], 80, options.seconds)["per_second"])
    finally:
        server.stop()
    server = start_hatchery(options, folder, "--concurrency", "1", "--queue", "0", "--pool", "1")
    try:
        pids = (broker_pid(server), front_pid(server))
        with ThreadPoolExecutor(1) as thread:
            sleeper = thread.submit(server.execute, code="import time; time.sleep(3)", timeout=10)
            time.sleep(0.3)
            before = processor_seconds(*pids)
            refused = load(options.binary, server.url, body, HELLO[1], 8, 2, may_refuse=True)["refused"]
            found["refusal"].append((processor_seconds(*pids) - before) / refused)
            sleeper.result()
    finally:
        server.stop()
    return found


def measure_timeouts(options, folder):
    """How long after its deadline a program that never ends is answered: alone, and eight of them at the same time."""
    timeout, found = 0.5, {}
    server = start_hatchery(options, folder, "--concurrency", "8", "--pool", "8")

    def one(_):
        answer, took = server.execute(code=BUSY, timeout=timeout)
        if answer["status"] != "timeout":
            raise SystemExit(f"bench: {answer['status']} instead of timeout")
        return took - answer["usage"]["queued"] - timeout

    try:
        for count in (1, 8):
            with ThreadPoolExecutor(count) as pool:
                found[str(count)] = [seconds for _ in range(options.rounds) for seconds in pool.map(one, range(count))]
    finally:
        server.stop()
    return found


def mid(results, row, who, what="p50"):
    return statistics.median(one[what] for one in results["matrix"][row][who])


def span(values, scale=1e3, digits=2):
    """Median (least to most)."""
    return f"{statistics.median(values) * scale:.{digits}f} ({min(values) * scale:.{digits}f} to {max(values) * scale:.{digits}f})"


def print_table(table, head):
    widths = [max(len(row[i]) for row in [head, *table]) for i in range(len(head))]
    for row in [head, *table]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    print()


def print_matrix(results):
    table = []
    for row, systems in results["matrix"].items():
        ours_p50, ours_rate = (mid(results, row, "hatchery", what) for what in ("p50", "per_second"))
        table.append((row, "", "", "", "", ""))
        for who, rounds in systems.items():
            rate = statistics.median(one["per_second"] for one in rounds)
            has_p50 = "p50" in rounds[0]
            table.append((
                f"  {who}", span([one["p50"] for one in rounds]) if has_p50 else "",
                f"{mid(results, row, who, 'p99') * 1e3:.2f}" if has_p50 else "", span([one["per_second"] for one in rounds], 1, 0),
                f"{mid(results, row, who) / ours_p50:.2f} x" if has_p50 and who != "hatchery" else "",
                f"{ours_rate / rate:.2f} x" if who != "hatchery" else "",
            ))
    print_table(table, ("", "p50 in ms (range)", "p99", "runs/s (range)", "its p50 / ours", "our runs/s / its"))


def goals(results):
    """(what, figure, goal, is it met), as far as it was measured."""
    matrix = results["matrix"]
    hello, rested, eight = "hello world, 1 client", f"hello world, 1 client, {REST * 1000:.0f} ms between requests", "hello world, 8 clients"

    def ratio(row, who, what="p50", ours_first=True):
        ours, theirs = mid(results, row, "hatchery", what), mid(results, row, who, what)
        return ours / theirs if ours_first else theirs / ours

    if hello in matrix:
        for row in (hello, rested):
            yield f"{row}: p50 against a bare fork", f"{ratio(row, 'bare fork'):.2f} x", "<= 0.4 x", ratio(row, "bare fork") <= 0.4
        found = ratio(eight, "bare fork", "per_second")
        yield "8 clients: runs/s against a bare fork on each core", f"{found:.2f} x", ">= 0.75 x", found >= 0.75
        found = ratio(hello, "FastAPI", ours_first=False)
        yield "1 client: p50 of FastAPI against ours", f"{found:.1f} x", ">= 45 x", found >= 45
        found = ratio(eight, "FastAPI", "per_second")
        yield "8 clients: runs/s against FastAPI", f"{found:.1f} x", ">= 14 x", found >= 14
    row = "numpy and pandas groupby, 1 client"
    if row in matrix:
        found = ratio(row, "FastAPI", ours_first=False)
        yield "numpy and pandas: p50 of FastAPI against ours", f"{found:.1f} x", ">= 50 x", found >= 50
    for name in ("10 MB, one print", "10 MB, 100,000 prints"):
        if f"{name}, 1 client" in matrix:
            found = ratio(f"{name}, 1 client", "python3")
            yield f"{name}: against python3 main.py > file", f"{found:.2f} x", "<= 1.5 x", found <= 1.5
    start = statistics.median(results["start"])
    yield "cold start to the first answer", f"{start * 1e3:.0f} ms", "<= 150 ms", start <= 0.15
    idle = results["memory"]["idle"] / MEBIBYTE
    yield "idle, pool of 4, everything (PSS)", f"{idle:.1f} MiB", "<= 32 MiB", idle <= 32
    for name, key, goal in (("a ready sandbox (PSS)", "memory", 1.5), ("a ready sandbox with numpy and pandas (PSS)", "memory with pandas", 4)):
        if key in results:
            each = results[key]["sandbox"] / MEBIBYTE
            yield name, f"{each:.2f} MiB", f"<= {goal} MiB", each <= goal
    processor = results["processor"]
    both = sum(statistics.median(processor[name]) for name in ("broker", "front")) * 1e3
    yield "processor time a run: broker and front", f"{both:.3f} ms", "<= 0.15 ms", both <= 0.15
    yield "processor time a run: the whole machine, client included", f"{statistics.median(processor['machine']) * 1e3:.2f} ms", "", None
    yield "processor time of broker and front, nothing asked", f"{processor['idle'] * 1e3:.2f} ms/s", "", None
    overload = results["overload"]
    found = statistics.median(overload["overload"]) / statistics.median(overload["peak"])
    yield "80 clients: runs/s against 8 clients", f"{found:.2f} x", ">= 0.95 x", found >= 0.95
    yield "processor time of a refused request", f"{overload['refusal'][0] * 1e6:.0f} us", "", None
    for count, name in (("1", "one endless loop"), ("8", "8 endless loops at once")):
        worst = max(results["timeouts"][count])
        yield f"{name}: answered after its deadline, worst of {len(results['timeouts'][count])}", f"{worst * 1e3:.1f} ms", "<= 10 ms", worst <= 0.01


def parse_options():
    parser = argparse.ArgumentParser(description="Measure hatchery against its baselines.")
    parser.add_argument("--binary", required=True)
    parser.add_argument("--uvicorn", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement in a round")
    parser.add_argument("--programs", type=lambda text: text.split(";"), default=list(PROGRAMS), help="; between them, of: " + "; ".join(PROGRAMS))
    parser.add_argument("--also", nargs=4, action="append", default=[], metavar=("NAME", "URL", "BODY", "EXPECTED"),
                        help="another service: what it is sent for the hello world (a file), and what a good answer contains")
    parser.add_argument("--json", default="build/bench.json")
    parser.add_argument("--chart", default="build/bench.svg")
    options = parser.parse_args()
    unknown = [name for name in options.programs if name not in PROGRAMS]
    return parser.error(f"no program is called {unknown[0]!r}") if unknown else options


def main():
    options = parse_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: ended early"))  # and so has all that it started
    busy = os.getloadavg()[0]
    if busy > 0.5:
        print(f"The machine is busy (load {busy:.1f}): compare ratios only, and measure again when it rests.")
    with tempfile.TemporaryDirectory(prefix="hatchery-bench-") as folder:
        results = {"matrix": measure_matrix(options, folder), "start": measure_start(options, folder), "memory": measure_memory(options, folder)}
        if any(PRELOAD.get(name) for name in options.programs):
            results["memory with pandas"] = measure_memory(options, folder, "--preload", "numpy,pandas")
        results["processor"] = measure_processor(options, folder)
        results["overload"] = measure_overload(options, folder)
        results["timeouts"] = measure_timeouts(options, folder)
    Path(options.json).write_text(json.dumps(results, indent=2) + "\n")
    print_matrix(results)
    print_table([(what, figure, goal, {None: "", True: "met", False: "MISSED"}[met]) for what, figure, goal, met in goals(results)], ("", "measured", "goal", ""))
    if "hello world, 1 client" in results["matrix"]:
        Path(options.chart).write_text(chart.draw(results))
    print(f"all figures: {options.json}; chart: {options.chart}")


if __name__ == "__main__":
    sys.exit(main())
