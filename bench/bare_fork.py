"""The yardstick: a warm CPython forks, the child runs a program into a pipe, the parent reads it and reaps the child.

No isolation, no HTTP, no limits, and the program is compiled beforehand: what the fork alone costs. Imports the modules that
its arguments name, then answers each JSON line on standard input (code, expected, seconds, processes, rest: seconds of sleep
between runs, not counted) with one, so that its rounds can be interleaved with those of a service. {"hold": n} instead asks for n
forks that wait side by side, as ready sandboxes do, and are then ended: the processor time of each, of all processes.
"""

import gc
import importlib
import json
import os
import resource
import sys
import time
import traceback


def run_once(program):
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read_end)
        os.dup2(write_end, 1)
        os.dup2(write_end, 2)
        status = 0
        try:
            exec(program, {"__name__": "__main__"})
        except BaseException:
            traceback.print_exc()
            status = 1
        sys.stdout.flush()
        os._exit(status)
    os.close(write_end)
    parts = []
    while data := os.read(read_end, 65536):
        parts.append(data)
    os.close(read_end)
    os.waitpid(pid, 0)
    return b"".join(parts)


def loop(program, expected, seconds, rest=0.0):
    """Latencies of as many runs as fit, at least one."""
    latencies = []
    end = time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        if start >= end and latencies:
            return latencies
        output = run_once(program)
        latencies.append(time.perf_counter() - start)
        if expected not in output:
            raise SystemExit(f"bare_fork: {output[-500:]!r}")
        if rest:
            time.sleep(rest)


def loops(program, expected, seconds, processes):
    """Runs a second of that many loops at once."""
    pipes = []
    for _ in range(processes):
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            start = time.perf_counter()
            count = len(loop(program, expected, seconds))
            os.write(write_end, str(count / (time.perf_counter() - start)).encode())
            os._exit(0)
        os.close(write_end)
        pipes.append((pid, read_end))
    rate = 0.0
    for pid, read_end in pipes:
        rate += float(os.read(read_end, 64))
        os.close(read_end)
        os.waitpid(pid, 0)
    return rate


def processor_seconds(pid):
    """To the nanosecond."""
    with open(f"/proc/{pid}/schedstat") as file:
        return int(file.read().split()[0]) / 1e9


def reaped_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def hold(count):
    """Processor seconds of each of that many forks: until all wait, and in all when they have ended and are reaped."""
    ready_read, ready_write = os.pipe()
    go_read, go_write = os.pipe()
    before, reaped = processor_seconds(os.getpid()), reaped_seconds()
    pids = []
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            os.close(go_write)
            os.write(ready_write, b"r")
            os.read(go_read, 1)
            os._exit(0)
        os.read(ready_read, 1)
        pids.append(pid)
    time.sleep(0.1)  # the last one is on its way to its read
    ready = processor_seconds(os.getpid()) - before + sum(processor_seconds(pid) for pid in pids)
    os.close(go_write)
    for pid in pids:
        os.waitpid(pid, 0)
    whole = processor_seconds(os.getpid()) - before + reaped_seconds() - reaped
    for fd in (ready_read, ready_write, go_read):
        os.close(fd)
    return {"ready": ready / count, "whole": whole / count}


def main():
    for name in sys.argv[1:]:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        ask = json.loads(line)
        if "hold" in ask:
            print(json.dumps(hold(ask["hold"])), flush=True)
            continue
        program, expected = compile(ask["code"], "main.py", "exec"), ask["expected"].encode()
        if ask["processes"] > 1:
            answer = {"per_second": loops(program, expected, ask["seconds"], ask["processes"])}
        else:
            start = time.perf_counter()
            latencies = sorted(loop(program, expected, ask["seconds"], ask["rest"]))
            answer = {
                "runs": len(latencies),
                "per_second": len(latencies) / (time.perf_counter() - start),
                "p50": latencies[len(latencies) // 2],
                "p99": latencies[len(latencies) * 99 // 100],
            }
        print(json.dumps(answer), flush=True)


main()
