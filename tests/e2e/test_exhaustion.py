"""The service's own processes have less than they need: descriptors, processes, memory. What can be served is, nothing spins, nothing
wrong is said, and all is well when there is enough again."""

import os
import resource
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

import audit
import service as services
from service import post, wait_for

HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


def descriptors(pid, most):
    """How many it may have from now on, or, for None, as many as it may at all; what it has open stays open. As its own user, which is
    allowed to where root has not every capability."""
    child = os.fork()
    if child == 0:
        try:
            uid = audit.kernel_uids(pid)[0]
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard if most is None else most, hard))
        except (ProcessLookupError, IndexError):  # it has just died
            pass
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def open_now(pid):
    """A limit with which it gets no other one: the lowest number that is free."""
    used = set(map(int, os.listdir(f"/proc/{pid}/fd")))
    return next(number for number in range(len(used) + 1) if number not in used)


def run_once(service, code="print(6 * 7)", **more):
    try:
        answer = httpx.post(service.url + "/execute", json={"code": code, "timeout": 20, **more}, timeout=60, trust_env=False)
    except httpx.HTTPError as error:
        return repr(error)
    if answer.status_code != 200:
        return answer.status_code
    return "right" if (answer.json()["output"], answer.json()["status"]) == ("42\n", "ok") else answer.text


class Load(services.Clients):
    """Clients without a pause, until the end of the block; what came of each request."""

    def __init__(self, service, clients=3):
        super().__init__(clients)
        self.service, self.ends = service, []

    def ask_once(self):
        self.ends.append(run_once(self.service))

    def wrong(self):
        return [end for end in self.ends if end not in ("right", 500, 503) and not (isinstance(end, str) and "Error" in end)]


def test_as_many_connections_as_there_may_be_and_every_sandbox(make_service, monkeypatch):
    """The front counts what its sandboxes need before it says how many connections it can have."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    monkeypatch.setattr(services, "_die_with_parent", lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (2300, 2300)))
    service = make_service(pool=30, pool_max=30, concurrency=30)
    (front,) = service.role_pids()["front"]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
    idle = []
    try:
        while True:
            connection = socket.create_connection(("127.0.0.1", service.port), timeout=20)
            connection.sendall(HEALTH)
            if not connection.recv(4096).startswith(b"HTTP/1.1 200"):
                connection.close()
                break
            idle.append(connection)
        assert 1000 < len(idle) < 2300
        busy = idle[:30]
        request = post({"code": "import time\nopen('a', 'w').write('x')\ntime.sleep(0.5)\nprint(6 * 7)", "timeout": 30, "collect": ["a"]})
        for connection in busy:
            connection.settimeout(60)
            connection.sendall(request)
        for connection in busy:
            answer = connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200") and b'"42\\n"' in answer and b'"path":"a"' in answer.replace(b" ", b""), answer
        assert service.role_pids()["front"] == [front]
    finally:
        for connection in idle:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)


def test_the_front_has_no_descriptor_for_another_connection(make_service):
    """It does not spin; who is connected is served; who waits is when there is one again."""
    service = make_service(pool=1)
    service.settled_holdings()
    (front,) = service.role_pids()["front"]
    with service.raw() as first, ThreadPoolExecutor(4) as pool:
        first.send(HEALTH)
        assert first.answer()[0] == 200
        descriptors(front, open_now(front))
        waiting = [pool.submit(httpx.get, service.url + "/health", timeout=60, trust_env=False) for _ in range(4)]
        time.sleep(0.5)
        used = audit.cpu_ticks(front)
        for _ in range(20):
            first.send(HEALTH)
            assert first.answer()[0] == 200
            time.sleep(0.05)
        assert audit.cpu_ticks(front) - used < 20, "hundredths of a second, in a second"
        assert not any(answer.done() for answer in waiting)
        descriptors(front, None)
        assert [answer.result().status_code for answer in waiting] == [200] * 4
    service.canary()
    assert service.role_pids()["front"] == [front]


@pytest.mark.parametrize("role", ["broker", pytest.param("incubator", marks=pytest.mark.unsanitized), pytest.param("zygote", marks=pytest.mark.unsanitized)])
def test_a_process_without_descriptors(make_service, role):
    """None, one, two, ... more than it has: every request is answered, and afterwards all is as it was."""
    service = make_service(pool=2, pool_max=2, concurrency=4, max_wait=3)
    service.exercise(8)
    before = service.settled_holdings()
    roles = service.role_pids()
    with Load(service) as load:
        for more in range(0, 13, 2):
            for pid in service.role_pids().get(role, []):
                descriptors(pid, open_now(pid) + more)
                time.sleep(0.5)
                descriptors(pid, None)
            wait_for(lambda: run_once(service) == "right", 20, f"a run when there are descriptors again ({more})")
    assert load.wrong() == [] and load.ends.count("right") > 10, load.wrong()
    assert not [end for end in load.ends if isinstance(end, str) and end != "right"], "no connection was lost"
    service.canary()
    assert service.role_pids()["broker"] == roles["broker"] and service.role_pids()["front"] == roles["front"]
    assert "quarantined" not in service.log_text()
    wait_for(lambda: service.settled_holdings()["processes"] == before["processes"], 30, f"what there was before: {before}")


def test_the_supervisor_without_descriptors(make_service):
    """A reload says why it cannot be, and the service goes on; then it can."""
    service = make_service(pool=1)
    pid = service.process.pid
    descriptors(pid, open_now(pid))
    before = service.broker
    os.kill(pid, signal.SIGUSR2)
    wait_for(lambda: "reload.failed" in service.log_text(), 20, "the refusal")
    service.canary()
    assert service.broker == before
    os.kill(before, signal.SIGKILL)  # and now there is none
    time.sleep(0.5)
    used = audit.cpu_ticks(pid)
    time.sleep(1)
    assert audit.cpu_ticks(pid) - used < 20
    descriptors(pid, None)
    service.wait_healthy()
    service.close_client()
    service.client = httpx.Client(base_url=service.url, timeout=60, trust_env=False)
    service.canary()


@pytest.fixture
def group(monkeypatch):
    """Groups of the machine in which the service starts, as a container's; {controller: its folder}."""
    folders = {name: Path(f"/sys/fs/cgroup/{name}/hatchery-tests-{os.getpid()}") for name in ("pids", "memory")}
    if not all(folder.parent.is_dir() for folder in folders.values()):
        pytest.skip("cgroup v1 alone: the machine's groups are not this test's to divide under systemd; tests/vm has cgroup v2")

    def join():
        for folder in folders.values():
            (folder / "cgroup.procs").write_text("0")

    for folder in folders.values():
        folder.mkdir()
    monkeypatch.setattr(services, "_die_with_parent", join)
    yield folders
    for folder in folders.values():
        wait_for(lambda: remove(folder), 20, f"an empty {folder}: {list(folder.iterdir())}")


@pytest.mark.unsanitized
def test_fault_13_processes_that_do_not_die(make_service):
    """In a frozen group not even SIGKILL ends one: the run is answered, its place is not used, and is again when they are gone."""
    freezer = Path(f"/sys/fs/cgroup/freezer/hatchery-tests-{os.getpid()}")
    if not freezer.parent.is_dir():
        pytest.skip("cgroup v2 has no way to hold a process that was killed")
    service = make_service(pool=1, pool_max=1, concurrency=1)
    service.settled_holdings()
    freezer.mkdir()
    try:
        with service.raw(post({"code": "while True: pass", "timeout": 3}), timeout=60) as connection:
            busy = wait_for(lambda: [pid for pid in service.sandboxes() if audit.cpu_ticks(pid) > 10], 20, "the run")
            for pid in busy:
                (freezer / "cgroup.procs").write_text(str(pid))
            (freezer / "freezer.state").write_text("FROZEN")
            assert connection.answer()[0] == 500
        assert "hatchery_sandboxes_quarantined 1" in service.client.get("/metrics").text
        service.canary()
        assert audit.stat_of(busy[0]), "it is still there"
    finally:
        (freezer / "freezer.state").write_text("THAWED")
    wait_for(lambda: "hatchery_sandboxes_quarantined 0" in service.client.get("/metrics").text, 30, "its place")
    assert service.log_text().count("sandbox.recovered") == 1
    service.canary()
    wait_for(lambda: remove(freezer), 10, "an empty group")


def remove(folder):
    try:
        for inner in [path for path in folder.glob("**/") if path != folder][::-1]:
            inner.rmdir()
        folder.rmdir()
    except OSError:
        return False
    return True


def test_fault_11_its_own_group_has_no_more_processes(group, make_service):
    """As of a container with a limit: nobody can fork, the front and the makers cannot be replaced; nothing is half made, and all
    comes back when there is room."""
    service = make_service(pool=2, pool_max=2, concurrency=3, max_wait=2)
    service.exercise(6)
    before = service.settled_holdings()
    limit = group["pids"] / "pids.max"
    roles = service.role_pids()
    for more, role in ((0, None), (1, "zygote"), (2, "incubator"), (4, "front")):
        with Load(service) as load:
            limit.write_text(str(int((group["pids"] / "pids.current").read_text()) + more))
            if role is not None:
                os.kill(service.role_pids()[role][0], signal.SIGKILL)
            time.sleep(1.5)
            limit.write_text("max")
            wait_for(lambda: run_once(service) == "right", 30, f"a run when there are processes again ({more}, {role})")
        assert load.wrong() == []
        if role != "front":
            assert not [end for end in load.ends if isinstance(end, str) and end != "right"], "no connection was lost"
        wait_for(lambda: all(len(service.role_pids().get(name, [])) == 1 for name in roles), 20, "its processes")
    assert service.broker == roles["broker"][0] and "quarantined" not in service.log_text()
    wait_for(lambda: service.settled_holdings()["processes"] == before["processes"], 30, f"what there was before: {before}")
    service.canary()


def test_fault_14_its_own_group_has_no_more_memory(group, make_service):
    """As of a container whose memory is less than what its programs may have: the kernel ends programs, not the service."""
    service = make_service(pool=2, pool_max=2, concurrency=3, limit_memory="256M")
    service.exercise(6)
    service.settled_holdings()
    roles = service.role_pids()
    used = int((group["memory"] / "memory.usage_in_bytes").read_text())
    limit = group["memory"] / "memory.limit_in_bytes"
    limit.write_text(str(used + (48 << 20)))
    bomb = "kept = []\nwhile True: kept.append(bytearray(1 << 20))"
    with Load(service, 2) as load, ThreadPoolExecutor(3) as pool:
        ends = list(pool.map(lambda _: httpx.post(service.url + "/execute", json={"code": bomb, "timeout": 20}, timeout=60, trust_env=False), range(12)))
    assert {end.status_code for end in ends} <= {200, 500, 503}
    assert all(end in ("right", 500, 503) or '"memory_limit"' in str(end) or '"SIGKILL"' in str(end) for end in load.ends), load.ends
    statuses = [end.json()["status"] for end in ends if end.status_code == 200]
    assert statuses and set(statuses) <= {"memory_limit", "signal"}, statuses
    limit.write_text("-1")
    now = service.role_pids()
    assert [now[role] for role in ("supervisor", "broker", "front")] == [roles[role] for role in ("supervisor", "broker", "front")]
    service.canary()
    assert "quarantined" not in service.log_text()
