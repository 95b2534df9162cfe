"""What hostile clients cost an honest one: its p50 and p99 of hello beside each kind of them (tests/hostile.py), against the same
client alone before and after. Prints a table of ratios."""

import argparse
import http.client
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from systems import Server, free_port

TESTS = Path(__file__).resolve().parent.parent / "tests"
BODY = b'{"code": "print(1)"}'
PAUSE = 0.01


def latencies(port, seconds):
    """Seconds that each answer took a client that asks, waits and rests."""
    found = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        connection.request("POST", "/execute", BODY, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        if answer.status != 200 or b'"output":"1\\n"' not in answer.read():
            raise SystemExit(f"the honest client got a {answer.status}")
        found.append(time.perf_counter() - began)
        time.sleep(PAUSE)
    return sorted(found)


def p(values, share):
    return values[min(len(values) - 1, int(len(values) * share))]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--seconds", type=float, default=6)
    options = parser.parse_args()
    sys.path.insert(0, str(TESTS))
    from hostile import KINDS

    port = free_port()
    log = Path(tempfile.mkdtemp(prefix="hatchery-bench-")) / "log"
    server = Server("hatchery", log, [options.binary, "serve", "--listen", f"127.0.0.1:{port}", "--log-level", "warn"], port)
    print(f"{'beside':14} {'p50':>8} {'p99':>8} {'p50 ratio':>10} {'p99 ratio':>10}   (goal: p99 at most 2x)")
    try:
        latencies(server.port, 1)
        for kind in KINDS:
            alone = latencies(server.port, options.seconds / 2)
            hostile = subprocess.Popen([sys.executable, TESTS / "hostile.py", kind, str(server.port), str(options.seconds + 3)], stdout=subprocess.PIPE)
            hostile.stdout.readline()
            beside = latencies(server.port, options.seconds)
            hostile.wait()
            alone = sorted(alone + latencies(server.port, options.seconds / 2))
            fifty, most = statistics.median(beside), p(beside, 0.99)
            print(f"{kind:14} {fifty * 1e3:6.2f} ms {most * 1e3:5.1f} ms {fifty / statistics.median(alone):9.2f}x {most / p(alone, 0.99):9.2f}x", flush=True)
    finally:
        server.stop()


main()
