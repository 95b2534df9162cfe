"""figures.py FOLDER DOCKER-RUN-OPTION...: prints what the container costs: its size, its start, and its latency against the
same files outside of it, measured in turns in one run. Started by tools/container.sh."""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

FOLDER, OPTIONS = Path(sys.argv[1]), sys.argv[2:]
NAME, IMAGE = "hatchery-figures", "hatchery"
BODY = json.dumps({"code": "print('Hello, World!')"})
ROUNDS, SECONDS = 5, 3


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def wait_healthy(url):
    while True:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=1):
                return
        except OSError:
            time.sleep(0.005)


def sizes():
    image, base = (int(run("docker", "image", "inspect", "--format", "{{.Size}}", name)) for name in (IMAGE, base_name()))
    packages = run("docker", "run", "--rm", "--entrypoint", "dpkg-query", IMAGE, "-W", "-f", "${Package} ${Installed-Size}\n")
    python = sum(int(size) << 10 for name, size in map(str.split, packages.splitlines()) if name.startswith(("python3", "libpython3")))
    mib = 1 << 20
    print(f"image: {image / mib:.0f} MiB; the base image has {base / mib:.0f}, Python {python / mib:.0f}; beyond both {(image - base - python) / mib:.0f} (at most 120)")


def base_name():
    with open("Dockerfile") as file:
        return next(line.split()[1] for line in file if line.startswith("FROM debian:"))


def start_time():
    times = []
    for _ in range(5):
        run("docker", "stop", NAME)
        begin = time.monotonic()
        run("docker", "start", NAME)
        url = "http://" + run("docker", "port", NAME, "8000/tcp").splitlines()[0]
        while True:
            try:
                request = urllib.request.Request(url + "/execute", BODY.encode(), {"Content-Type": "application/json"})
                with urllib.request.urlopen(request, timeout=5) as answer:
                    assert json.load(answer)["output"] == "Hello, World!\n"
                break
            except OSError:
                time.sleep(0.005)
        times.append(time.monotonic() - begin)
    print(f"docker start to the first answered run: {statistics.median(times):.2f} s (at most 1)")


def start_outside():
    """The image's own files, in a chroot of the host."""
    root = FOLDER / "container" / "root"
    root.mkdir(parents=True)
    subprocess.run(f"docker export {NAME} | tar -x -C {root}", shell=True, check=True)
    port = "18713"
    mounts = " && ".join(f"mount --rbind /{name} {root}/{name}" for name in ("proc", "sys", "dev"))
    script = f"{mounts} && exec chroot {root} hatchery serve --listen 127.0.0.1:{port} --log-level warn"
    process = subprocess.Popen(["unshare", "--mount", "sh", "-c", script], start_new_session=True)
    wait_healthy(f"http://127.0.0.1:{port}")
    return process, port


def measure(prefix, port):
    options = ["--seconds", str(SECONDS), "--rest", "0.02", "--json"]  # the status tells of a wrong answer
    result = json.loads(run(*prefix, str((FOLDER / "hatchery").resolve()), "bench", *options, f"http://127.0.0.1:{port}/execute"))
    return result["p50"]


def latency():
    outside, port = start_outside()
    try:
        inside_pid = run("docker", "inspect", "--format", "{{.State.Pid}}", NAME)
        inside = ["nsenter", "--target", inside_pid, "--net"]  # the service itself, without the engine's proxy
        published = run("docker", "port", NAME, "8000/tcp").rpartition(":")[2]
        samples = [(measure([], port), measure(inside, "8000"), measure([], published)) for _ in range(ROUNDS)]
        out, container, proxied = (statistics.median(column) for column in zip(*samples))
        print(f"hello world, p50, against the same outside: inside the container {container / out:.2f} (at most 1.15), "
              f"through the engine's published port {proxied / out:.2f}")
    finally:
        os.killpg(outside.pid, signal.SIGTERM)
        outside.wait(20)


run("docker", "run", "-d", "--name", NAME, "-p", "127.0.0.1::8000", *OPTIONS, "-e", "HATCHERY_INSECURE_NO_KEYS=true",
    "-e", "HATCHERY_LOG_LEVEL=warn", IMAGE)
wait_healthy("http://" + run("docker", "port", NAME, "8000/tcp").splitlines()[0])
sizes()
start_time()
latency()
run("docker", "rm", "-f", NAME)
