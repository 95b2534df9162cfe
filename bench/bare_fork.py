"""The yardstick: a warm CPython forks, the child runs the program into a pipe, the parent reads it and reaps the child.

No isolation, no HTTP, no limits, and the program is compiled beforehand: what the fork alone costs. Reads
"SECONDS PROCESSES REST" lines (REST: seconds of sleep between runs, not counted) on standard input and answers each with one JSON line, so that its rounds can be interleaved with
those of a service.
"""

import gc
import json
import os
import sys
import time


def run_once(program):
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read_end)
        os.dup2(write_end, 1)
        exec(program, {"__name__": "__main__"})
        sys.stdout.flush()
        os._exit(0)
    os.close(write_end)
    output = b""
    while True:
        data = os.read(read_end, 65536)
        if not data:
            break
        output += data
    os.close(read_end)
    _, status = os.waitpid(pid, 0)
    return output, status


def loop(program, expected, seconds, rest=0.0):
    """Latencies of as many runs as fit."""
    latencies = []
    end = time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        if start >= end:
            return latencies
        output, status = run_once(program)
        latencies.append(time.perf_counter() - start)
        if output != expected or status != 0:
            raise SystemExit(f"bare_fork: {status} {output!r}")
        if rest:
            time.sleep(rest)


def loops(program, expected, seconds, processes):
    """Runs a second of that many loops at once."""
    pipes = []
    for _ in range(processes):
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(write_end, str(len(loop(program, expected, seconds))).encode())
            os._exit(0)
        os.close(write_end)
        pipes.append((pid, read_end))
    runs = 0
    for pid, read_end in pipes:
        runs += int(os.read(read_end, 64))
        os.close(read_end)
        os.waitpid(pid, 0)
    return runs / seconds


def main():
    program, expected = compile(sys.argv[1], "main.py", "exec"), sys.argv[2].encode()
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        seconds, processes, rest = line.split()
        if int(processes) > 1:
            answer = {"per_second": loops(program, expected, float(seconds), int(processes))}
        else:
            latencies = sorted(loop(program, expected, float(seconds), float(rest)))
            answer = {
                "runs": len(latencies),
                "p50": latencies[len(latencies) // 2],
                "p99": latencies[len(latencies) * 99 // 100],
            }
        print(json.dumps(answer), flush=True)


main()
