"""System calls, context switches and page faults of one run, in each process: `python3 bench/syscalls.py --binary build/hatchery`, as root.

A client that rests between requests, so that nothing is shared between runs. strace(1) counts in the processes that last; the faults of a
program, and the pages that they are on, are counted by perf(1) where there is one."""

import argparse
import collections
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from programs import HELLO
from systems import broker_pid, children, front_pid, load, start_hatchery

REST = 0.05


def switches(pid):
    """How often it has gone to sleep: each is a wake-up later."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("voluntary_ctxt_switches")))


def count_calls(pids, folder, work):
    """{role: {system call: how many}} while work() is done."""
    tracers = {}
    for role, pid in pids.items():
        tracers[role] = subprocess.Popen(["strace", "-qq", "-c", "-U", "calls,name", "-o", f"{folder}/{role}", "-p", str(pid)])
    time.sleep(1)
    found = work()
    calls = {}
    for role, tracer in tracers.items():
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
        lines = [line.split() for line in Path(folder, role).read_text().splitlines()]
        calls[role] = {line[1]: int(line[0]) for line in lines if len(line) == 2 and line[0].isdigit() and line[1] != "total"}
    return found, calls


def count_faults(folder, zygote, work):
    """[page faults] of each program that was forked meanwhile."""
    events = f"{folder}/faults"
    perf = subprocess.Popen(["perf", "record", "-q", "-a", "-d", "-e", "page-faults", "-c", "1", "-o", events], stderr=subprocess.DEVNULL)
    time.sleep(1)
    work()
    perf.send_signal(signal.SIGINT)
    perf.wait()
    text = subprocess.run(["perf", "script", "-i", events, "-F", "comm,pid,addr"], capture_output=True, text=True).stdout
    heap = next(line for line in Path(f"/proc/{zygote}/maps").read_text().splitlines() if line.endswith("[heap]"))
    start, end = (int(address, 16) for address in heap.split()[0].split("-"))
    pages = collections.defaultdict(list)
    for line in text.splitlines():
        fields = line.split()
        if fields[0] == "python3" and fields[1] != str(zygote):
            pages[fields[1]].append(int(fields[2], 16))
    # other interpreters of this machine have another heap
    return [len(addresses) for addresses in pages.values() if sum(start <= a < end for a in addresses) > 4]


def main():
    parser = argparse.ArgumentParser(description="Count what one run costs in system calls and page faults.")
    parser.add_argument("--binary", required=True)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    body = json.dumps({"code": HELLO[0]})
    with tempfile.TemporaryDirectory(prefix="hatchery-bench-") as folder:
        server = start_hatchery(options, folder)
        try:
            broker = broker_pid(server)
            zygote = min(pid for pid in children(broker) if Path(f"/proc/{pid}/comm").read_text() == "python3\n")
            pids = {"broker": broker, "front": front_pid(server), "zygote": zygote}

            def work():
                return load(options.binary, server.url, body, HELLO[1], 1, options.seconds, REST)["runs"]

            work()
            before = {role: switches(pid) for role, pid in pids.items()}
            runs = work()
            asleep = {role: (switches(pid) - before[role]) / runs for role, pid in pids.items()}
            runs, calls = count_calls(pids, folder, work)
            for role in pids:
                each = sorted(((count / runs, name) for name, count in calls[role].items()), reverse=True)
                total = sum(count for count, _ in each)
                print(f"{role}: {total:.1f} system calls and {asleep[role]:.1f} wake-ups a run")
                print("  " + ", ".join(f"{name} {count:.1f}" for count, name in each if count >= 0.1))
            if shutil.which("perf"):
                faults = sorted(count_faults(folder, zygote, work))
                if faults:
                    print(f"program: {faults[len(faults) // 2]} page faults")
        finally:
            server.stop()


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C"
    main()
