"""make bench, second part: streams, cancelling, fairness between keys. As in bench.py only ratios of one run mean something;
what is compared takes turns. Prints a table with the goals."""

import argparse
import base64
import hashlib
import http.client
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from systems import MEBIBYTE, PYTHON, Server, broker_pid, environment, free_port, front_pid, load

LINES = "application/x-ndjson"
BLOCKS = 'x = "x" * 99 + "\\n"\nx *= 10000\nfor _ in range(100): print(x, end="")\n'
CROWD = 64
IDLE = min(1000, (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 64) // 24 - 20)  # a sandbox needs 24 descriptors


def serve(options, folder, *settings):
    port = free_port()
    return Server("hatchery", Path(folder) / f"log-{port}", [options.binary, "serve", "--listen", f"127.0.0.1:{port}", "--log-level", "warn", *settings], port)


def resident(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def connect(server, receive=None):
    connection = socket.socket()
    if receive:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    connection.connect(("127.0.0.1", server.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def request(code, timeout=60, accept=LINES, extra=""):
    body = json.dumps({"code": code, "timeout": timeout})
    return f"POST /execute HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: {accept}\r\n{extra}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def read_stream(connection, sink=None):
    """Reads to the end of a chunked answer; how many bytes that were."""
    total, tail = 0, b""
    while not tail.endswith(b"0\r\n\r\n"):
        data = connection.recv(1 << 18)
        if not data:
            raise SystemExit("the stream broke off")
        total, tail = total + len(data), (tail + data)[-5:]
        if sink:
            sink(data)
    return total


def measure_rate(server, folder):
    """100 MB: seconds of `python3 main.py | cat` and of a stream."""
    program = Path(folder) / "main.py"
    program.write_text(BLOCKS)
    times = {"cat": [], "stream": []}
    for _ in range(7):
        started = time.perf_counter()
        subprocess.run(f"{PYTHON} {program} | cat > /dev/null", shell=True, check=True, env=environment())
        times["cat"].append(time.perf_counter() - started)
        with connect(server) as connection:
            started = time.perf_counter()
            connection.sendall(request(BLOCKS))
            assert read_stream(connection) > 100_000_000
            times["stream"].append(time.perf_counter() - started)
    return statistics.median(times["cat"]), statistics.median(times["stream"])


def measure_first_byte(server):
    """From the program's write to the client's read."""
    code = "import time\nfor _ in range(40):\n    time.sleep(0.02); print(time.monotonic_ns())"
    delays = []
    with connect(server) as connection:
        connection.sendall(request(code))

        def sink(data):
            now = time.monotonic_ns()
            for line in data.split(b"\n"):
                if line.startswith(b'{"type":"stdout","text":"') and line[25:35].isdigit():
                    delays.append((now - int(line[25:].split(b"\\n")[0].split(b'"')[0])) / 1e9)

        read_stream(connection, sink)
    return statistics.median(delays), max(delays)


def measure_slow_reader(server):
    """What a client that reads nothing costs the front while a program prints 100 MB."""
    with connect(server) as connection:
        connection.sendall(request(BLOCKS))
        read_stream(connection)
    before = resident(front_pid(server))
    with connect(server, 4096) as connection:
        connection.sendall(request(BLOCKS, timeout=3))
        time.sleep(2)
        return resident(front_pid(server)) - before


def measure_idle(options, folder):
    server = serve(options, folder, "--concurrency", str(IDLE), "--pool", "8", "--pool-max", "8")
    try:
        with connect(server) as connection:
            connection.sendall(request(""))
            read_stream(connection)
        before, open_streams = resident(front_pid(server)), []
        for _ in range(IDLE):
            connection = connect(server)
            connection.sendall(request("import time; time.sleep(60)"))
            open_streams.append(connection)
        for connection in open_streams:
            connection.settimeout(60)
            assert b"started" in connection.recv(4096)
        each = (resident(front_pid(server)) - before) / IDLE
        for connection in open_streams:
            connection.close()
        return each
    finally:
        server.stop()


def measure_cancel(server):
    """From DELETE to the run's own answer."""
    times = []
    for n in range(30):
        with connect(server) as run, connect(server) as other:
            run.sendall(request("print('go', flush=True)\nwhile True: pass", extra=f"X-Request-Id: run-{n}\r\n"))
            while b"go" not in run.recv(4096):
                pass
            started = time.perf_counter()
            other.sendall(f"DELETE /runs/run-{n} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            read_stream(run)
            times.append(time.perf_counter() - started)
    return statistics.median(times), max(times)


def measure_metrics(server, count=2000):
    """Seconds of processor time, of broker and front, for one GET /metrics."""

    def spent():
        ticks = 0
        for pid in (broker_pid(server), front_pid(server)):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    connection, before = http.client.HTTPConnection("127.0.0.1", server.port), spent()
    for _ in range(count):
        connection.request("GET", "/metrics")
        connection.getresponse().read()
    return (spent() - before) / count


FILE = 10_000_000


def measure_files(options, folder):
    """Bytes a second of a file in and of one out, beyond what a run takes that has none."""
    server = serve(options, folder, "--max-body", "32M", "--limit-collect", "32M")
    content = base64.b64encode(os.urandom(FILE)).decode()
    make = f"import os\nwith open('f', 'wb') as f:\n    for _ in range(10): f.write(bytes({FILE // 10}))"
    bodies = {
        "base": {"code": "pass"},
        "in": {"code": "pass", "files": [{"path": "f", "content_base64": content}]},
        "made": {"code": make, "collect": ["none"]},
        "out": {"code": make, "collect": ["f"]},
    }
    bodies = {name: json.dumps(body) for name, body in bodies.items()}
    times = {name: [] for name in bodies}
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    try:
        for n in range(9):
            for name, body in bodies.items():
                time.sleep(0.05)
                started = time.perf_counter()
                connection.request("POST", "/execute", body, {"Content-Type": "application/json"})
                text = connection.getresponse().read()
                if n > 1:
                    times[name].append(time.perf_counter() - started)
                assert b'"status":"ok"' in text[:200] + text[-600:] and (name != "out" or len(text) > FILE), text[:300]
    finally:
        server.stop()
    took = {name: statistics.median(seconds) for name, seconds in times.items()}
    return FILE / (took["in"] - took["base"]), FILE / (took["out"] - took["made"])


def measure_fairness(options, folder, code):
    """p50 of one key's single client: alone, and beside the crowd of another key."""
    keys = Path(folder) / "keys"
    keys.write_text("".join(f"{key} sha256:{hashlib.sha256(key.encode()).hexdigest()}\n" for key in ("crowd", "one")))
    server, body = serve(options, folder, "--keys-file", str(keys)), json.dumps({"code": code})

    def one(seconds):
        return load(options.binary, server.url, body, None, 1, seconds, 0.01, header="Authorization: Bearer one")

    try:
        one(0.3)
        alone = one(2)["p50"]
        with ThreadPoolExecutor(1) as thread:
            crowd = thread.submit(load, options.binary, server.url, body, None, CROWD, 6, header="Authorization: Bearer crowd")
            time.sleep(1.5)
            beside = one(3)["p50"]
            crowd.result()
        return alone, beside
    finally:
        server.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="hatchery-bench-") as folder:
        server = serve(options, folder)
        try:
            cat, stream = measure_rate(server, folder)
            rows.append(("100 MB streamed, rate against `python3 main.py | cat`", f"{cat / stream:.2f} x", "at least 0.5 x", cat / stream >= 0.5))
            first, worst = measure_first_byte(server)
            rows.append(("first byte after its write, p50 and worst", f"{first * 1e3:.2f} ms, {worst * 1e3:.2f} ms", "p50 below 5 ms", first < 0.005))
            grown = measure_slow_reader(server)
            rows.append(("front's growth for a client that does not read", f"{grown / MEBIBYTE:.2f} MiB", "below 8 MiB", grown < 8 * MEBIBYTE))
            cancel, worst = measure_cancel(server)
            rows.append(("DELETE to the run's answer, p50 and worst", f"{cancel * 1e3:.2f} ms, {worst * 1e3:.2f} ms", "below 50 ms", worst < 0.05))
            each = measure_metrics(server)
            rows.append(("GET /metrics, processor time of broker and front", f"{each * 1e3:.2f} ms", "below 1 ms", each < 0.001))
        finally:
            server.stop()
        for way, rate in zip(("in", "out"), measure_files(options, folder)):
            rows.append((f"a file of 10 MB {way}, beyond a run without", f"{rate / 1e6:.0f} MB/s", "at least 150 MB/s", rate >= 150e6))
        each = measure_idle(options, folder)
        rows.append((f"{IDLE} idle streams, front's memory each", f"{each / 1024:.1f} KiB", "below 64 KiB", each < 65536))
        for name, code in (("hello world", "print(1)"), ("50 ms of sleep", "import time; time.sleep(0.05)"), ("busy for 25 ms", "for _ in range(1500000): pass")):
            alone, beside = measure_fairness(options, folder, code)
            rows.append((f"p50 of one client beside {CROWD} of another key: {name}", f"{beside / alone:.2f} x", "at most 2 x", beside / alone <= 2))
    width = max(len(row[0]) for row in rows)
    for what, value, goal, reached in rows:
        print(f"{what:<{width}}  {value:>20}  {goal:<16} {'' if reached else 'MISSED'}")


if __name__ == "__main__":
    sys.exit(main())
