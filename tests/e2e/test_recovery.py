"""Processes of the service die: it recovers, and says nothing wrong meanwhile."""

import json
import os
import signal
import subprocess
import time

import httpx
import pytest

import audit
from service import BINARY, environment, post, wait_for


@pytest.fixture
def own(make_service):
    service = make_service(pool=2)
    service.canary()  # it is warm: what dies from now on is replaced
    return service


def works(service):
    """True when a run gets its right answer now."""
    try:
        with httpx.Client(timeout=10, trust_env=False) as client:
            answer = client.post(service.url + "/execute", json={"code": "print(6 * 7)", "timeout": 5})
            return answer.status_code == 200 and answer.json()["output"] == "42\n"
    except (httpx.HTTPError, ValueError, KeyError):
        return False


@pytest.mark.parametrize("role", ["front", "incubator", "zygote"])
def test_role_killed(own, role):
    for _ in range(2):
        (victim,) = own.role_pids()[role]
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: audit.stat_of(victim) is None, 10, "death")
        wait_for(lambda: works(own), 20, f"service after the death of its {role}", 0.1)
        assert own.running(), "the supervisor lives on"
        wait_for(lambda: own.role_pids().get(role, [victim]) != [victim], 20, f"a new {role}")
        wait_for(lambda: len(own.sandboxes()) >= 4 and works(own), 20, "a full pool")
    wait_for(lambda: len(own.role_pids()[role]) == 1, 10, f"one {role}")


@pytest.mark.parametrize("role", ["front", "incubator", "zygote"])
def test_role_stopped_is_not_waited_for_at_the_end(own, role):
    (victim,) = own.role_pids()[role]
    os.kill(victim, signal.SIGSTOP)
    assert own.stop() in (0, 1)  # 1 where it had to be ended by force


@pytest.mark.parametrize("role", ["incubator", "zygote"])
def test_runs_survive_their_makers(own, role):
    """A run under way when the process that made its sandbox dies is finished as if nothing had been."""
    with own.raw(post({"code": "import time\nfor n in range(20):\n    print(n, flush=True)\n    time.sleep(0.1)", "timeout": 20})) as connection:
        time.sleep(0.5)  # let it start; were it not yet running, it would only be the easier
        (victim,) = own.role_pids()[role]
        os.kill(victim, signal.SIGKILL)
        answer = json.loads(connection.answer()[2])
    assert answer["status"] == "ok" and answer["output"] == "".join(f"{n}\n" for n in range(20))
    wait_for(lambda: works(own), 20, "service")


def test_front_killed_ends_its_runs(own):
    connection = own.raw(post({"code": "while True: pass", "timeout": 60}))
    running = wait_for(lambda: [p for p in own.sandboxes() if audit.cpu_ticks(p) >= 10], 20, "the run")
    (victim,) = own.role_pids()["front"]
    os.kill(victim, signal.SIGKILL)
    try:
        assert connection.answer() is None
    except ConnectionError:
        pass
    connection.close()
    wait_for(lambda: not any(p in own.tree() for p in running), 15, "end of a run that nobody waits for")
    wait_for(lambda: works(own), 20, "service")


def test_ready_sandboxes_killed(own):
    """Someone (the kernel's OOM killer) ends what stands ready: it is replaced, and no request sees it."""
    for _ in range(3):
        for pid in own.sandboxes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        wait_for(lambda: works(own), 20, "service")


def test_running_sandbox_killed_from_outside(own):
    with own.raw(post({"code": "while True: pass", "timeout": 30})) as connection:
        running = wait_for(lambda: [p for p in own.sandboxes() if audit.cpu_ticks(p) >= 10], 20, "the run")
        os.kill(running[0], signal.SIGKILL)
        status, _, body = connection.answer()
    assert status == 200
    answer = json.loads(body)
    assert (answer["status"], answer["signal"]) == ("signal", "SIGKILL")
    own.canary()


def test_supervisor_killed_takes_everything_with_it(own):
    with own.raw(post({"code": "import os\nos.fork()\nos.setsid() if os.getpid() > 2 else 0\nwhile True: pass", "timeout": 60})):
        wait_for(lambda: [p for p in own.sandboxes() if audit.cpu_ticks(p) >= 10], 20, "the run")
        everyone = set(own.tree())
        folders = own.cgroups()
        own.process.kill()
        own.process.wait(10)
        wait_for(lambda: not own._alive(everyone), 10, "end of every process")
    own.close_client()
    own.start()
    own.canary()
    assert not folders & audit.cgroup_folders(), "a new start clears away what the dead service left"


def test_broker_killed_comes_back(own):
    """Its runs end with it; who connects meanwhile is answered by the next one; nothing of the old one is left."""
    with own.raw(post({"code": "import os\nos.fork()\nos.setsid() if os.getpid() > 2 else 0\nwhile True: pass", "timeout": 60})) as running:
        wait_for(lambda: [p for p in own.sandboxes() if audit.cpu_ticks(p) >= 10], 20, "the run")
        for _ in range(3):
            victim, folders = own.broker, own.cgroups()
            everyone = set(audit.tree(victim))
            os.kill(victim, signal.SIGKILL)
            wait_for(lambda: not own._alive(everyone), 10, "end of every process of the dead one")
            own.close_client()
            own.client = httpx.Client(base_url=own.url, timeout=60, trust_env=False)
            own.canary()  # connects while nobody accepts, or only just
            wait_for(lambda: not folders & audit.cgroup_folders(), 10, "end of its groups")
            assert own.broker not in (0, victim)
        with pytest.raises((ConnectionError, AssertionError)):
            assert running.answer() is not None, "no answer but an end"
    assert own.log_text().count("broker.lost") == 3


def test_stop_ends_runs_under_way(own):
    connections = [own.raw(post({"code": "while True: pass", "timeout": 60})) for _ in range(3)]
    wait_for(lambda: [p for p in own.sandboxes() if audit.cpu_ticks(p) >= 5], 20, "the runs")
    folders = own.cgroups()
    assert folders
    assert own.stop() in (0, 1)  # 1: not every request could be answered
    for connection in connections:
        connection.close()
    assert not folders & audit.cgroup_folders()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_by_signal(make_service, number):
    service = make_service()
    service.canary()
    everyone, folders = set(service.tree()), service.cgroups()
    service.process.send_signal(number)
    assert service.process.wait(20) == 0
    wait_for(lambda: not service._alive(everyone), 5, "end of every process")
    assert not folders & audit.cgroup_folders()
    service.close_client()
    service.process = None


def test_drain_timeout(make_service):
    """What runs at SIGTERM is given so long, and is then ended."""
    service = make_service(pool=1, drain_timeout=0.5)
    with service.raw(post({"code": "import time; time.sleep(60)", "timeout": 60})):
        wait_for(lambda: "ready" not in httpx.get(service.url + "/ready", trust_env=False).json()["status"][:5] or len(audit.in_use(audit.sandboxes_below(service.broker))) > 1, 20, "the run")
        started = time.monotonic()
        assert service.stop() == 1, "not everybody was answered"
        assert 0.4 < time.monotonic() - started < 8, "not the sixty seconds of the run, nor the ten of the default"


def test_restart_on_the_same_port(make_service):
    service = make_service()
    for _ in range(2):
        port = service.port
        service.canary()
        service.restart()
        service.canary()
        assert service.port or port


def test_two_services_at_once(make_service):
    one, two = make_service(), make_service()
    one.canary()
    two.canary()
    one.stop()
    two.canary()


def test_broken_pipe_means_nothing(own):
    own.process.send_signal(signal.SIGPIPE)
    own.canary()
    assert own.running()


def test_roles_have_the_rights_they_should(own):
    """The front has no capability, no new privileges, a filter, and another user than the broker."""
    (front,) = own.role_pids()["front"]
    status = dict(line.split(":\t", 1) for line in open(f"/proc/{front}/status").read().splitlines() if ":\t" in line)
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0, (name, status[name])
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert 0 not in map(int, status["Uid"].split()) and 0 not in map(int, status["Gid"].split())
    assert status.get("Groups", "").strip() in ("", status["Gid"].split()[0])
    assert os.readlink(f"/proc/{front}/root") != "/" or os.listdir(f"/proc/{front}/root") == []


def rights(pid):
    """What a process may do; None where it has ended, or is an init."""
    try:
        status = dict(line.split(":\t", 1) for line in open(f"/proc/{pid}/status").read().splitlines() if ":\t" in line)
    except OSError:
        return None
    assert status["Uid"].split()[0] != "0"
    if len(status["NSpid"].split()) < 2 or status["NSpid"].split()[-1] == "1":
        return None
    capabilities = {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")}
    return capabilities, status["NoNewPrivs"], status["Seccomp"]


def test_sandboxes_have_no_rights(own):
    """All that wait for a program; one that is being made has its maker's rights for a moment."""
    own.canary()
    deadline = time.monotonic() + 10
    while True:
        found = [rights(pid) for pid in own.sandboxes()]
        programs = [r for r in found if r is not None]
        if len(programs) >= 2 and set(map(str, programs)) == {str(({0}, "1", "2"))}:
            return
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_a_service_of_another_pid_namespace_is_left_alone(service):
    """It cannot see our processes, but our groups: as from a chroot with a pid namespace of its own."""
    service.canary()
    service.settled_holdings()
    before = service.cgroups()
    done = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", str(BINARY), "run", "-"], input=b"print('beside')", capture_output=True, timeout=60,
                          env=environment())
    assert done.stdout == b"beside\n", done
    assert before <= service.cgroups(), "its groups are still there"
    service.canary()
