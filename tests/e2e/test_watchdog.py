"""Processes of the service that are there and do not go on: SIGSTOP, as a stand-in for every way to hang. They are replaced; and
nobody is who only had to wait."""

import os
import random
import signal
import subprocess
import time

import httpx
import pytest

import audit
from service import SLOWER, Clients, wait_for

ROLES = ("front", "broker", "incubator", "zygote")
PATIENCE = 7  # seconds: a second until it is asked, five looks, and what a busy machine adds to that


class Load(Clients):
    """Three that ask for runs without a pause; what they are told, and whether it was right."""

    def __init__(self, service):
        super().__init__(3)
        self.service = service
        self.answers, self.lost, self.wrong = [], [], []

    def ask_once(self):
        began = time.monotonic()
        try:
            with httpx.Client(timeout=60, trust_env=False) as client:
                answer = client.post(self.service.url + "/execute", json={"code": "print(6 * 7)", "timeout": 20})
            right = answer.status_code == 200 and answer.json()["output"] == "42\n"
            (self.answers if right else self.wrong).append((began, time.monotonic(), answer.text))
        except httpx.HTTPError as error:
            self.lost.append((began, time.monotonic(), repr(error)))


def state(pid):
    return (audit.stat_of(pid) or ("", "X"))[1]


def whole(service):
    roles = service.role_pids()
    return all(len(roles.get(role, [])) == 1 for role in ROLES)


def is_told(service):
    """Which of the log's events tell that something was ended or lost."""
    return [line for line in service.log_text().splitlines() if any(event in line for event in ("hangs", ".lost", "quarantined", "not_rotated", "late"))]


@pytest.mark.parametrize("role", ROLES)
def test_stopped_under_load(make_service, role):
    """At a random moment. It is replaced in time, every client gets its right answer or an end of its connection, and of the
    makers' stopping nobody notices but those who wait for a sandbox."""
    service = make_service(pool=2, concurrency=2)
    service.canary()
    (victim,) = service.role_pids()[role]
    with Load(service) as clients:
        time.sleep(random.uniform(0.5, 1.5))
        os.kill(victim, signal.SIGSTOP)
        stopped = time.monotonic()
        wait_for(lambda: state(victim) in "ZX", PATIENCE * SLOWER + 5, f"the end of the stopped {role}")
        took = time.monotonic() - stopped
        wait_for(lambda: whole(service), 10 * SLOWER, "all processes")
        back = time.monotonic()
        wait_for(lambda: [a for a in clients.answers if a[0] > back], 10 * SLOWER, "an answer")
    assert 3.5 < took < PATIENCE * SLOWER, took
    assert clients.wrong == []
    if role in ("incubator", "zygote"):
        assert clients.lost == []
    assert all(began < back for began, _, _ in clients.lost), "who comes when it is replaced is served"
    assert service.running()
    wanted = {"front": "front.hangs", "broker": "broker.hangs", "incubator": "the incubator is stopped", "zygote": "the interpreter is stopped"}
    assert service.log_text().count(wanted[role]) == 1 and len(is_told(service)) <= 2, is_told(service)


@pytest.mark.unsanitized
def test_stopped_with_nobody_there(make_service):
    """A maker that owes nobody anything is replaced before anybody notices."""
    services = {role: make_service(pool=1) for role in ("incubator", "zygote")}
    victims = {role: service.role_pids()[role] for role, service in services.items()}
    for (victim,) in victims.values():
        os.kill(victim, signal.SIGSTOP)
    for role, service in services.items():
        wait_for(lambda: service.role_pids().get(role, victims[role]) != victims[role] and whole(service), 2 * PATIENCE * SLOWER, f"another {role}")
        service.canary()


def test_everything_stands_still(make_service):
    """A paused container, a laptop that sleeps: when it goes on nobody has hung, and what ran is answered."""
    service = make_service(pool=2, concurrency=2)
    service.canary()
    before = service.role_pids()
    with Load(service) as clients:
        time.sleep(0.7)
        everybody = list(service.tree())
        for number in (signal.SIGSTOP, signal.SIGCONT):
            random.shuffle(everybody)
            for pid in everybody:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
            time.sleep(12 if number == signal.SIGSTOP else 3)  # longer than everything that is waited for
    assert clients.lost == [] and clients.wrong == [], (clients.lost, clients.wrong)
    assert service.role_pids() == before and is_told(service) == []


@pytest.mark.parametrize("watcher", ["supervisor", "broker"])
def test_the_watcher_stands_still(make_service, watcher):
    """What it has not seen for that time was not silent; and the broker's own standing still is not long enough to be ended."""
    service = make_service(pool=2)
    service.canary()
    before = service.role_pids()
    (pid,) = before[watcher]
    os.kill(pid, signal.SIGSTOP)
    time.sleep(8 if watcher == "supervisor" else 3)
    os.kill(pid, signal.SIGCONT)
    time.sleep(1.5)
    service.canary()
    assert service.role_pids() == before and is_told(service) == []


@pytest.mark.unsanitized
def test_a_front_without_a_core_does_not_hang(make_service):
    """Everybody of the service on one core, of which others take everything: it is slow, and nothing of it is ended."""
    core = min(os.sched_getaffinity(0))
    service = make_service(pool=1)
    service.canary()
    before = service.role_pids()
    loops = []
    try:
        for pid in service.tree():
            os.sched_setaffinity(pid, {core})
            os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
        for _ in range(6):
            pid = os.fork()
            if pid == 0:
                os.sched_setaffinity(0, {core})
                while True:
                    pass
            loops.append(pid)
        time.sleep(12)
    finally:
        for pid in loops:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    service.canary()
    assert service.role_pids() == before and is_told(service) == []


def test_a_stopped_one_is_no_hindrance_to_a_stop(make_service):
    """SIGTERM while both are stopped."""
    service = make_service(pool=1)
    service.canary()
    for role in ("front", "zygote"):
        os.kill(service.role_pids()[role][0], signal.SIGSTOP)
    assert service.stop(30) in (0, 1)


def test_a_generation_that_is_stopped_before_it_is_ready(make_service, folder_outside_tmp):
    """It has answered nothing yet, and is found all the same, not only when its time to become ready is over."""
    service, site = slow_service(make_service, folder_outside_tmp)
    (site / "wait").write_text("")
    (serving,) = service.role_pids()["broker"]
    os.kill(service.process.pid, signal.SIGUSR2)
    (next_one,) = wait_for(lambda: set(service.role_pids().get("broker", [])) - {serving}, 10, "the next broker")
    wait_for(lambda: len(service.role_pids().get("front", [])) == 2, 20, "the next front")
    os.kill(next_one, signal.SIGSTOP)
    wait_for(lambda: "reload.failed" in service.log_text(), 4 * PATIENCE, "a word of it")
    assert "broker.hangs" in service.log_text()
    assert service.role_pids()["broker"] == [serving]
    service.canary()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_generation_that_ends_before_it_is_ready(make_service, folder_outside_tmp, number):
    service, site = slow_service(make_service, folder_outside_tmp)
    (site / "wait").write_text("")
    (serving,) = service.role_pids()["broker"]
    os.kill(service.process.pid, signal.SIGUSR2)
    (next_one,) = wait_for(lambda: set(service.role_pids().get("broker", [])) - {serving}, 10, "the next broker")
    os.kill(next_one, number)
    wait_for(lambda: "reload.failed" in service.log_text(), PATIENCE, "a word of it")
    assert service.role_pids()["broker"] == [serving]
    service.canary()


def slow_service(make_service, folder):
    """Whose interpreter takes a minute to start as long as there is a file `wait`."""
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", folder / "venv"], check=True)
    site = next((folder / "venv" / "lib").glob("python3*")) / "site-packages"
    (site / "slow.py").write_text(f"import os, time\ntime.sleep(60 if os.path.exists({str(site / 'wait')!r}) else 0)\n")
    service = make_service(pool=1, python=folder / "venv/bin/python", preload="slow")
    service.canary()  # its first one has started
    return service, site
