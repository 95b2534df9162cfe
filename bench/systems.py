"""What make bench compares: each runs a program in its way, and tells how fast (runs, per_second, p50, p99)."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"
MEBIBYTE = 1 << 20
BWRAP = "bwrap --ro-bind /usr /usr --ro-bind /etc/alternatives /etc/alternatives --symlink usr/lib /lib --symlink usr/lib64 /lib64 --symlink usr/bin /bin --proc /proc --dev /dev --tmpfs /tmp --unshare-all --die-with-parent --bind . /sandbox --chdir /sandbox"


def environment():
    """This one without what changes how a Python or the service runs."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("HATCHERY_", "PYTHON"))}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def load(binary, url, body, expected, clients, seconds, rest=0.0, may_refuse=False, header=None):
    """hatchery bench. A wrong answer ends everything."""
    arguments = ["--clients", str(clients), "--seconds", str(seconds), "--rest", str(rest), "--body", "-", "--json"]
    arguments += ["--expect", json.dumps(expected)[1:-1]] if expected else []
    arguments += ["--header", header] if header else []
    done = subprocess.run([binary, "bench", *arguments, url], input=body, capture_output=True, text=True)
    if not done.stdout:
        raise SystemExit(f"bench: {url}: {done.stderr}")
    found = json.loads(done.stdout)
    if found["wrong"] or found["broken"] or (found["refused"] and not may_refuse):
        raise SystemExit(f"bench: {url}: {found}")
    return found


class Server:
    """A service in a process of its own that answers GET /health and POST /execute."""

    def __init__(self, name, log, arguments, port, cwd=None):
        self.name, self.port, self.log, self.url = name, port, log, f"http://127.0.0.1:{port}/execute"
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
            time.sleep(0.002)
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
    return Server("hatchery", Path(folder) / f"hatchery-{port}.log", arguments, port)


def start_fastapi(options, folder):
    port = free_port()
    arguments = [options.uvicorn, "main:app", "--host", "127.0.0.1", "--port", str(port), "--workers", "2"]
    arguments += ["--log-level", "warning"]
    return Server("the FastAPI service", Path(folder) / "fastapi.log", arguments, port, HERE / "fastapi_baseline")


class Http:
    def __init__(self, binary, server):
        self.binary, self.server = binary, server

    def measure(self, program, clients, seconds, rest=0.0):
        body = json.dumps({"code": program[0], "timeout": 30})
        return load(self.binary, self.server.url, body, program[1], clients, seconds, rest)

    def stop(self):
        self.server.stop()


class Other:
    """Somebody else's service: its own body, whatever the program."""

    def __init__(self, binary, url, body, expected):
        self.binary, self.url, self.body, self.expected = binary, url, Path(body).read_text(), expected

    def measure(self, program, clients, seconds, rest=0.0):
        return load(self.binary, self.url, self.body, self.expected, clients, seconds, rest)

    def stop(self):
        pass


class BareFork:
    def __init__(self, *preload):
        self.process = subprocess.Popen(
            [PYTHON, str(HERE / "bare_fork.py"), *preload], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
        )

    def measure(self, program, clients, seconds, rest=0.0):
        """For several clients: a loop on each core, which is what it can do at best."""
        processes = 1 if clients == 1 else max(2, len(os.sched_getaffinity(0)))
        return self.ask({"code": program[0], "expected": program[1], "seconds": seconds, "processes": processes, "rest": rest})

    def hold(self, count):
        return self.ask({"hold": count})

    def ask(self, ask):
        self.process.stdin.write(json.dumps(ask) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("bench: the bare fork loop failed")
        return json.loads(line)

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Spawn:
    """`python3 main.py > file`, with or without a wrapper, from as many threads as there are clients."""

    def __init__(self, wrapper=""):
        self.command = [*wrapper.split(), PYTHON, "main.py"]

    def run(self, folder, program):
        with open(f"{folder}/output", "wb") as out:
            subprocess.run(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=folder, env=environment())

    def loop(self, program, end, rest, latencies):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "main.py").write_text(program[0])
            while True:
                start = time.perf_counter()
                self.run(folder, program)
                latencies.append(time.perf_counter() - start)
                if program[1] not in Path(folder, "output").read_text():
                    print(f"bench: {self.command} printed {Path(folder, 'output').read_text()[-500:]!r}", file=sys.stderr)
                    os._exit(1)
                if time.perf_counter() >= end:
                    return
                time.sleep(rest)

    def measure(self, program, clients, seconds, rest=0.0):
        latencies, start = [], time.perf_counter()
        threads = [threading.Thread(target=self.loop, args=(program, start + seconds, rest, latencies)) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rate = len(latencies) / (time.perf_counter() - start)
        latencies.sort()
        return {"runs": len(latencies), "per_second": rate, "p50": latencies[len(latencies) // 2], "p99": latencies[len(latencies) * 99 // 100]}

    def stop(self):
        pass


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


def proportional(pid):
    """PSS in bytes; 0 of who has ended."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    match = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    return int(match.group(1)) * 1024 if match else 0


def memory(server):
    """(Sum of PSS in bytes, number of processes)."""
    pids = family(server.process.pid)
    return sum(proportional(pid) for pid in pids), len(pids)


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def broker_pid(server):
    """What was started is the supervisor, whose only child it is."""
    (broker,) = children(server.process.pid)
    return broker


def front_pid(server):
    return next(pid for pid in children(broker_pid(server)) if "front" in Path(f"/proc/{pid}/comm").read_text())


def processor_seconds(*pids):
    """On a processor so far; to the nanosecond, where /proc/PID/stat counts hundredths of a second."""
    tasks = (task for pid in pids for task in Path(f"/proc/{pid}/task").iterdir())
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def machine_seconds():
    """All processors, not idle."""
    fields = [int(n) for n in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:7])) / os.sysconf("SC_CLK_TCK")
