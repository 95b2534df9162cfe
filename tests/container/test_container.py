"""What `docker-compose up --build` started: its rights, its limits, its layers, seen from outside and from inside."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

import audit
from service import REPOSITORY, SLOWER, wait_for

BOMB = "kept = []\nwhile True: kept.append(bytearray(1 << 20))"


@pytest.fixture(scope="module")
def inspected(container):
    return json.loads(container.docker("inspect", container.name))[0]


@pytest.fixture
def host(inspected):
    return inspected["HostConfig"]


def test_limits_of_the_compose_file(host):
    assert (host["NanoCpus"], host["Memory"]) == (1_000_000_000, 512 << 20)


def test_rights(host):
    assert host["CapDrop"] == ["ALL"] and sorted(host["CapAdd"]) == ["SETFCAP", "SETGID", "SETUID"]
    assert not host["Privileged"] and host["ReadonlyRootfs"]
    assert not host["Binds"] and not host["Devices"] and host["PidMode"] == "" and host["UsernsMode"] == ""
    options = [option for option in host["SecurityOpt"] if not option.startswith("apparmor=")]  # where the host has it
    assert "no-new-privileges" in options and len(options) == 2
    given = next(json.loads(o.removeprefix("seccomp=")) for o in options if o.startswith("seccomp="))
    assert given == json.loads((REPOSITORY / "packaging/docker/seccomp.json").read_text())


def test_published_on_loopback_alone(host):
    assert host["PortBindings"] == {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8000"}]}


def test_processes_seen_from_outside(container):
    """The kernel's word: no process has a capability outside of the container's three, and programs are nobody."""
    allowed = 1 << 6 | 1 << 7 | 1 << 31
    initial = audit.tree(container.process.pid)
    assert len(initial) > 5
    for pid in initial:
        with open(f"/proc/{pid}/status") as file:
            status = {name: value.strip() for name, _, value in (line.partition(":") for line in file)}
        inside_a_user_namespace = _user_namespace(pid) != _user_namespace(container.process.pid)
        assert inside_a_user_namespace or int(status["CapPrm"], 16) & ~allowed == 0, status
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
    broker = next(p for p in initial if initial[p][2] == container.process.pid)
    assert _user_namespace(broker) != _user_namespace("self"), "the broker is root in a user namespace of its own"


def _user_namespace(pid):
    return os.readlink(f"/proc/{pid}/ns/user")


def test_doctor_inside(container):
    report = json.loads(container.docker("exec", container.name, "hatchery", "doctor", "--json"))
    layers = {layer["layer"]: layer["state"] for layer in report["layers"]}
    assert report["complete"]
    assert {name for name, state in layers.items() if state != "enforced"} <= {"proc"}, layers  # the engine covers parts of /proc
    container.canary()


def test_health(container):
    assert container.docker("exec", container.name, "hatchery", "health") == "healthy"
    wait_for(lambda: container.docker("inspect", "--format", "{{.State.Health.Status}}", container.name) == "healthy", 60, "HEALTHCHECK")


def test_memory_bomb_kills_itself_alone(container, inspected):
    """More at once than are let run: each meets its own limit, never the container's."""
    before = set(container.role_pids_outside())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: container.execute(BOMB, timeout=30), range(8)))
    assert [a["status"] for a in answers] == ["memory_limit"] * 8, answers
    assert all(a["usage"]["memory_peak"] == 128 << 20 for a in answers), answers
    container.canary()
    assert set(container.role_pids_outside()) == before, "no process of the service was replaced"
    now = json.loads(container.docker("inspect", container.name))[0]
    assert now["RestartCount"] == 0 and now["State"]["StartedAt"] == inspected["State"]["StartedAt"] and not now["State"]["OOMKilled"]


def test_fork_bomb(container):
    answer = container.execute("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", timeout=SLOWER)
    assert answer["status"] == "timeout" and "processes" in answer["limits_hit"], answer
    container.canary()


def test_nothing_of_the_container_is_seen(container):
    code = "import os\nprint(os.listdir('/proc'), os.path.exists('/usr/bin/hatchery'), [d for d in ('/hatchery', '/.dockerenv', '/sys') if os.path.exists(d)])"
    assert container.execute(code)["output"] in ("[] True []\n", "[] False []\n")


def test_orphans_of_exec_are_reaped(container):
    container.docker("exec", container.name, "sh", "-c", "(sleep 0.1; exit) & exit 0")
    wait_for(lambda: not [s for s in audit.tree(container.process.pid).values() if s[1] == "Z" and s[0] in ("sh", "sleep")], 10, "an end of zombies")
