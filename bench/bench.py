"""make bench: hatchery beside a bare fork of a warm CPython and beside a FastAPI service, in interleaved rounds.

Only ratios of one run on one machine mean something: the three take turns within each round, and medians over the
rounds are compared. Prints a table with the goals and writes everything as JSON. Ends every process that it started.
"""

import argparse
import http.client
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAM = 'print("Hello, World!")\nprint("Sum:", sum(range(10)))\n'
OUTPUT = "Hello, World!\nSum: 45\n"
PYTHON = "/usr/bin/python3"
CLIENTS = 8
REST = 0.02  # seconds between the requests of a client that does not keep the service busy
TIMEOUT = 0.3
BIG_OUTPUT = 10_000_000
MEBIBYTE = 1 << 20

TIMEOUT_PROGRAMS = {
    "busy loop": "while True: pass",
    "sleep": "import time\ntime.sleep(60)",
    "ignores signals": (
        "import signal\n"
        "for s in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:\n"
        "    signal.signal(s, signal.SIG_IGN)\n"
        "while True:\n"
        "    try:\n"
        "        while True: pass\n"
        "    except BaseException: pass\n"
    ),
}


def environment():
    """This one without what changes how a Python or the service runs."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("HATCHERY_", "PYTHON"))}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A service in a process of its own that answers GET /health."""

    def __init__(self, name, log, arguments, port, cwd=None):
        self.name, self.port, self.log = name, port, log
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=cwd, env=environment()
            )
        try:
            self.wait_healthy()
        except BaseException:
            self.stop()
            raise

    def wait_healthy(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/health")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise SystemExit(f"bench: {self.name} did not start:\n{Path(self.log).read_text()[-2000:]}")

    def execute(self, **body):
        """The answer and the seconds that it took, on a connection that is open already."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.connect()
        start = time.perf_counter()
        connection.request("POST", "/execute", json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        seconds = time.perf_counter() - start
        connection.close()
        if answer.status != 200:
            raise SystemExit(f"bench: {self.name} answered {answer.status}: {text[:500]!r}")
        return json.loads(text), seconds

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def start_hatchery(options, folder, *settings):
    port = free_port()
    arguments = [options.binary, "serve", "--listen", f"127.0.0.1:{port}", "--log-level", "warn", *settings]
    return Server("hatchery", Path(folder) / "hatchery.log", arguments, port)


def start_fastapi(options, folder):
    port = free_port()
    arguments = [options.uvicorn, "main:app", "--host", "127.0.0.1", "--port", str(port), "--workers", "2"]
    arguments += ["--log-level", "warning"]
    return Server("the FastAPI service", Path(folder) / "fastapi.log", arguments, port, HERE / "fastapi_baseline")


class BareFork:
    def __init__(self):
        self.process = subprocess.Popen(
            [PYTHON, str(HERE / "bare_fork.py"), PROGRAM, OUTPUT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )

    def measure(self, seconds, processes, rest=0):
        self.process.stdin.write(f"{seconds} {processes} {rest}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("bench: the bare fork loop failed")
        return json.loads(line)

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def measure_load(options, server, clients, seconds, rest=0):
    expected = json.dumps({"output": OUTPUT}, separators=(",", ":"))[1:-1]
    arguments = ["--clients", str(clients), "--seconds", str(seconds), "--rest", str(rest), "--body", "-", "--expect", expected, "--json"]
    result = subprocess.run(
        [options.binary, "bench", *arguments, f"http://127.0.0.1:{server.port}/execute"],
        input=json.dumps({"code": PROGRAM}),
        capture_output=True,
        text=True,
    )
    if result.returncode != 0:
        raise SystemExit(f"bench: {server.name}: {result.stdout} {result.stderr}")
    return json.loads(result.stdout)


def family(root):
    """The pids of a process and of all its descendants."""
    children = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            children.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(entry.name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def memory(server):
    """(Sum of PSS in bytes, number of processes)."""
    total, pids = 0, family(server.process.pid)
    for pid in pids:
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        match = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
        total += int(match.group(1)) * 1024 if match else 0
    return total, len(pids)


def median(rounds, who, what):
    return statistics.median(entry[who][what] for entry in rounds)


def run_rounds(options, hatchery, fastapi, bare):
    """Latency and throughput of all three, taking turns."""
    latency, throughput = [], []
    cores = len(os.sched_getaffinity(0))
    for number in range(options.rounds + 1):
        one = {
            "bare": bare.measure(options.seconds, 1),
            "hatchery": measure_load(options, hatchery, 1, options.seconds),
            "fastapi": measure_load(options, fastapi, 1, options.seconds),
            "bare rested": bare.measure(options.seconds, 1, REST),
            "hatchery rested": measure_load(options, hatchery, 1, options.seconds, REST),
            "fastapi rested": measure_load(options, fastapi, 1, options.seconds, REST),
        }
        many = {
            "bare": bare.measure(options.seconds, max(cores, 2)),
            "hatchery": measure_load(options, hatchery, CLIENTS, options.seconds),
            "fastapi": measure_load(options, fastapi, CLIENTS, options.seconds),
        }
        if number > 0:  # the first round warms everything up
            latency.append(one)
            throughput.append(many)
    return latency, throughput


def run_timeouts(hatchery):
    overshoot = {}
    for name, code in TIMEOUT_PROGRAMS.items():
        seconds = []
        for _ in range(5):
            answer, took = hatchery.execute(code=code, timeout=TIMEOUT)
            if answer["status"] != "timeout":
                raise SystemExit(f"bench: {name}: {answer['status']} instead of timeout")
            seconds.append(took - TIMEOUT)
        overshoot[name] = seconds
    return overshoot


def run_big_output(options, folder):
    server = start_hatchery(options, folder, "--limit-output", "16M")
    try:
        code = f"import sys\nline = 'x' * 99 + '\\n'\nfor _ in range({BIG_OUTPUT // 100}): sys.stdout.write(line)\n"
        seconds = []
        for _ in range(3):
            answer, took = server.execute(code=code, timeout=30)
            if answer["output"] != ("x" * 99 + "\n") * (BIG_OUTPUT // 100) or answer["output_truncated"]:
                raise SystemExit("bench: 10 MB of output did not arrive whole")
            seconds.append(took)
        return statistics.median(seconds)
    finally:
        server.stop()


def run_numpy(options, folder):
    """Seconds for an import of numpy and one sum: preloaded in hatchery, and in a new Python. None without numpy."""
    code = "import numpy\nprint(numpy.arange(10).sum())\n"
    if subprocess.run([options.python, "-c", code], capture_output=True, env=environment()).returncode != 0:
        return None
    server = start_hatchery(options, folder, "--python", options.python, "--preload", "numpy")
    ours, theirs = [], []
    try:
        for _ in range(15):
            answer, took = server.execute(code=code)
            if answer["output"] != "45\n":
                raise SystemExit(f"bench: numpy: {answer}")
            ours.append(took)
            start = time.perf_counter()
            subprocess.run([options.python, "-c", code], capture_output=True, env=environment(), check=True)
            theirs.append(time.perf_counter() - start)
    finally:
        server.stop()
    return {"hatchery": statistics.median(ours), "python": statistics.median(theirs)}


class Table:
    def __init__(self):
        self.rows = []

    def add(self, what, figure, ratio="", goal="", met=None):
        self.rows.append((what, figure, ratio, goal, {None: "", True: "met", False: "MISSED"}[met]))

    def show(self):
        head = ("", "measured", "ratio", "goal", "")
        widths = [max(len(row[i]) for row in [head, *self.rows]) for i in range(len(head))]
        for row in [head, *self.rows]:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def milliseconds(seconds):
    return f"{seconds * 1000:.3f} ms"


def tabulate(results, table):
    latency, throughput = results["latency"], results["throughput"]
    for rested, title in (("", "without a pause"), (" rested", f"{REST * 1000:.0f} ms between requests")):
        p50 = {who: median(latency, who + rested, "p50") for who in ("bare", "hatchery", "fastapi")}
        table.add(f"hello world, 1 client, {title}:", "")
        for who, name in (("bare", "bare fork"), ("hatchery", "hatchery"), ("fastapi", "FastAPI, a Python a run")):
            p99 = median(latency, who + rested, "p99")
            table.add(f"  {name}", f"p50 {milliseconds(p50[who])}  p99 {milliseconds(p99)}")
        slower, faster = p50["hatchery"] / p50["bare"], p50["fastapi"] / p50["hatchery"]
        table.add("  p50, hatchery to bare fork", "", f"{slower:.2f} x", "<= 1.0 x", slower <= 1.0)
        table.add("  p50, FastAPI to hatchery", "", f"{faster:.1f} x", ">= 15 x", faster >= 15)
    rate = {who: median(throughput, who, "per_second") for who in ("bare", "hatchery", "fastapi")}
    table.add("runs/s: bare fork, a loop on each core", f"{rate['bare']:.0f}")
    table.add(f"runs/s, {CLIENTS} clients: hatchery", f"{rate['hatchery']:.0f}", f"{rate['hatchery'] / rate['bare']:.2f} x")
    table.add(f"runs/s, {CLIENTS} clients: FastAPI", f"{rate['fastapi']:.0f}", f"{rate['fastapi'] / rate['bare']:.2f} x")

    pss, count = results["memory"]["idle"]
    table.add(
        f"idle, pool of 4: PSS of {count} processes", f"{pss / MEBIBYTE:.1f} MiB", "", "<= 64 MiB", pss <= 64 * MEBIBYTE
    )
    table.add("  with the default pool, after the load", f"{results['memory']['after'][0] / MEBIBYTE:.1f} MiB")
    for name, seconds in results["timeout_overshoot"].items():
        worst = max(seconds)
        table.add(f"after a timeout, worst of {len(seconds)}: {name}", milliseconds(worst), "", "<= 20 ms", worst <= 0.02)
    table.add("10 MB of output, whole", milliseconds(results["big_output"]))
    if results["numpy"] is not None:
        ours, theirs = results["numpy"]["hatchery"], results["numpy"]["python"]
        table.add("import numpy: hatchery, preloaded", milliseconds(ours), f"{theirs / ours:.1f} x")
        table.add("import numpy: a new Python", milliseconds(theirs))


def parse_options():
    parser = argparse.ArgumentParser(description="Measure hatchery against a bare fork and against a FastAPI service.")
    parser.add_argument("--binary", required=True)
    parser.add_argument("--uvicorn", required=True)
    parser.add_argument("--python", default=PYTHON, help="for the numpy row")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each of a round's nine measurements")
    parser.add_argument("--json", default="build/bench.json")
    return parser.parse_args()


def main():
    options = parse_options()
    busy = os.getloadavg()[0]
    if busy > 0.5:
        print(f"The machine is busy (load {busy:.1f}): compare ratios only, and measure again when it rests.")
    stop = []
    results = {}
    with tempfile.TemporaryDirectory(prefix="hatchery-bench-") as folder:
        try:
            hatchery = start_hatchery(options, folder, "--pool", "4")
            stop.append(hatchery)
            hatchery.execute(code=PROGRAM)
            time.sleep(2)  # the pool is full and everything rests
            results["memory"] = {"idle": memory(hatchery)}
            hatchery.stop()  # the goal for memory names a pool of 4; everything else is measured as it is by default
            stop.remove(hatchery)
            hatchery = start_hatchery(options, folder)
            stop.append(hatchery)
            hatchery.execute(code=PROGRAM)
            fastapi = start_fastapi(options, folder)
            stop.append(fastapi)
            bare = BareFork()
            stop.append(bare)
            results["latency"], results["throughput"] = run_rounds(options, hatchery, fastapi, bare)
            results["timeout_overshoot"] = run_timeouts(hatchery)
            time.sleep(2)
            results["memory"]["after"] = memory(hatchery)
            while stop:
                stop.pop().stop()
            results["big_output"] = run_big_output(options, folder)
            results["numpy"] = run_numpy(options, folder)
        finally:
            while stop:
                stop.pop().stop()
    table = Table()
    tabulate(results, table)
    table.show()
    Path(options.json).write_text(json.dumps(results, indent=2) + "\n")
    print(f"all figures: {options.json}")


if __name__ == "__main__":
    sys.exit(main())
