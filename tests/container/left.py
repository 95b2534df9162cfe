"""When a container ends in the middle of a program, by `docker stop` or by SIGKILL, nothing of it is left outside: no process,
no cgroup, no mount, no network interface. Started by tools/container.sh, with the options of `docker run` in HATCHERY_TEST_RUN."""

import os
import subprocess
import time
from pathlib import Path

import httpx
import pytest

import audit
import service as services
from service import wait_for

OPTIONS = os.environ.get("HATCHERY_TEST_RUN", "").split()
CHILDREN = 5
DAEMONS = f"import os, time\nfor _ in range({CHILDREN}):\n    if os.fork() == 0:\n        os.setsid()\n        break\ntime.sleep(60)"
ENGINE_WAITS = 10  # seconds after which `docker stop` kills


def interfaces():
    return set(os.listdir("/sys/class/net"))


@pytest.fixture
def network():
    return interfaces()


@pytest.fixture
def started(network, tmp_path):
    name = f"hatchery-left-{os.getpid()}"
    subprocess.run(["docker", "run", "-d", "--name", name, "-p", "127.0.0.1::8000", *OPTIONS], check=True, stdout=subprocess.DEVNULL)
    yield services.Container(name, tmp_path)
    subprocess.run(["docker", "rm", "-f", name], check=True, stdout=subprocess.DEVNULL)


def programs(service):
    """Processes of the program, seen from outside: neither a sandbox's init nor the service's own."""
    deep = audit.pid_namespaces(service.process.pid)
    return [pid for pid, stat in service.tree().items() if audit.pid_namespaces(pid) > deep and stat[0] == "python3"]


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_nothing_is_left(how, started, network):
    identity = started.docker("inspect", "--format", "{{.Id}}", started.name)
    with httpx.Client(base_url=started.url, timeout=30, trust_env=False) as client:
        request = {"json": {"code": DAEMONS, "timeout": 50}, "headers": {"Accept": "application/x-ndjson"}}
        with client.stream("POST", "/execute", **request):
            wait_for(lambda: len(programs(started)) > CHILDREN, 20, "the program's processes")
            tree = started.tree()
            assert started.cgroups() and interfaces() != network
            began = time.monotonic()
            started.docker(how, started.name)
            assert time.monotonic() - began < ENGINE_WAITS
    wait_for(lambda: not [pid for pid in tree if audit.stat_of(pid)], 10, "an end of every process")
    wait_for(lambda: not [folder for folder in audit.cgroup_folders("docker") if identity in folder], 10, "an end of every cgroup")
    wait_for(lambda: interfaces() == network, 10, "an end of the network interface")
    subprocess.run(["docker", "rm", "-f", started.name], check=True, stdout=subprocess.DEVNULL)
    assert identity not in Path("/proc/self/mountinfo").read_text()
