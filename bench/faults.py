#!/usr/bin/python3
"""How long the service is away when one of its processes dies or hangs, and what /health takes under load. As root: `make bench-faults`.

Each fault is done many times to a service of its own. From the fault on, a client asks for a run again and again, each time on a new
connection, until it gets the right answer; "back" is when that answer was there, the first one after the process's death.
Then the process is given time to be as it was. What it costs is told beside it."""

import argparse
import json
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import audit  # noqa: E402
import service as services  # noqa: E402

RUN = services.post({"code": "print(6 * 7)", "timeout": 10})
LARGE = services.post({"code": "print(6 * 7)", "timeout": 10, "stdin": "x\n" * 2_400_000})
HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
COSTS = {
    "front": "its connections, and the runs that they wait for",
    "broker": "all runs; connections wait in the listening socket",
    "incubator": "nothing; sandboxes that are being made",
    "zygote": "nothing; sandboxes that are being made",
    "ready sandboxes": "nothing",
}


def right(service, request=RUN):
    try:
        with service.raw(request, timeout=20) as connection:
            answer = connection.answer()
            return answer is not None and answer[0] == 200 and json.loads(answer[2])["output"] == "42\n"
    except (OSError, AssertionError):
        return False


def victims(service, role):
    return list(service.sandboxes()) if role == "ready sandboxes" else service.role_pids().get(role, [])


def is_whole(service):
    roles = service.role_pids()
    return all(len(roles.get(role, [])) == 1 for role in ("broker", "front", "incubator", "zygote")) and len(service.sandboxes()) >= 4


def away(service, role, number):
    """Seconds from the signal to the next right answer of a service without the victim."""
    services.wait_for(lambda: is_whole(service), 30, "a whole service")
    time.sleep(1.2)  # one that dies at once, again and again, is waited with
    pids = victims(service, role)
    began = time.monotonic()
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:  # another one's death was its own
            pass
    while any((audit.stat_of(pid) or ("", "Z"))[1] not in "ZX" for pid in pids):
        time.sleep(0.0005)
    while not right(service):
        time.sleep(0.002)
    return time.monotonic() - began


def health_under_load(service, seconds, clients, request=RUN):
    over = threading.Event()

    def load():
        while not over.is_set():
            right(service, request)

    threads = [threading.Thread(target=load) for _ in range(clients)]
    for thread in threads:
        thread.start()
    took = []
    with service.raw() as connection:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.monotonic()
            connection.send(HEALTH)
            assert connection.answer()[0] == 200
            took.append(time.monotonic() - began)
            time.sleep(0.01)
    over.set()
    for thread in threads:
        thread.join()
    return took


def row(what, times, costs):
    print(f"| {what} | {1000 * statistics.median(times):.1f} ms | {1000 * max(times):.1f} ms | {costs} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default=services.BINARY)
    parser.add_argument("--times", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        service = services.Service(folder=folder, binary=options.binary, pool=2)
        try:
            service.close_client()
            print("| what dies, by SIGKILL | back, median | worst | what it costs |\n| --- | --- | --- | --- |")
            for role, costs in COSTS.items():
                row(role, [away(service, role, signal.SIGKILL) for _ in range(options.times)], costs)
            print("\n| what hangs, by SIGSTOP | replaced, median | worst | what it costs |\n| --- | --- | --- | --- |")
            for role in list(COSTS)[:4]:
                row(role, [away(service, role, signal.SIGSTOP) for _ in range(max(1, options.times // 3))], COSTS[role])
            print("\n| `/health`, from Python | median | worst | beside |\n| --- | --- | --- | --- |")
            row("idle", health_under_load(service, options.seconds / 2, 0), "nothing")
            row("under load", health_under_load(service, options.seconds, 4), "4 clients of runs without a pause")
            row("behind large bodies", health_under_load(service, options.seconds, 1, LARGE), "1 client of runs with 7 MB of input, every second character escaped")
        finally:
            service.stop()


if __name__ == "__main__":
    main()
