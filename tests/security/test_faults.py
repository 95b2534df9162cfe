"""The service's own processes die at the worst moments, and the machine has less than it needs: nothing lives on, nothing hangs,
user code never runs in what is not a whole sandbox."""

import os
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

import audit
import service as services
from service import wait_for

HOSTILE = [
    "import time\ntime.sleep(30)",
    "while True: pass",
    "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    # out of the parent's death signal's reach, in a session of its own, deaf
    "import ctypes, os, signal, time\nctypes.CDLL(None).prctl(1, 0, 0, 0, 0)\n"
    "for n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n    except (OSError, ValueError): pass\n"
    "for _ in range(3):\n    if os.fork() == 0: os.setsid()\ntime.sleep(30)",
]


@pytest.fixture
def target(make_service):
    return make_service(pool=2, pool_max=2, concurrency=4)


def start(target, pool, codes=HOSTILE, timeout=30, patience=90):
    """Runs in the background; their answers as httpx gives them, or the error."""

    def post(code):
        try:
            return httpx.post(target.url + "/execute", json={"code": code, "timeout": timeout}, timeout=patience, trust_env=False)
        except httpx.HTTPError as error:
            return error

    return [pool.submit(post, code) for code in codes]


def running(target, count):
    """{pid namespace: {pid: uid}} of all sandboxes, once there are that many that run beside those that are ready."""

    def look():
        boxes = audit.in_use(audit.sandboxes_below(target.process.pid))
        return boxes if len(boxes) >= count + target.settings["pool"] else None

    return wait_for(look, 20, f"{count} runs")


def of_name(box, name):
    return [pid for pid in box if (audit.stat_of(pid) or ("",))[0] == name]


def nothing_lives(pids):
    wait_for(lambda: not services.Service._alive(pids), 20, "an end of everything")


def test_fault_01_the_zygote_dies_with_hostile_runs(target):
    with ThreadPoolExecutor(8) as pool:
        ends = start(target, pool, [HOSTILE[0].replace("30", "1"), HOSTILE[1], HOSTILE[2]], timeout=2)
        running(target, 3)
        time.sleep(0.3)
        for _ in range(3):
            for pid in target.role_pids().get("zygote", []):
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.2)
        statuses = [end.result().json()["status"] for end in ends]
    assert statuses == ["ok", "timeout", "timeout"], "what runs is the broker's child and goes on"
    wait_for(lambda: "zygote" in target.role_pids(), 20, "a new zygote")
    target.canary()


@pytest.mark.parametrize("role", ["incubator", "front"])
def test_fault_02_another_of_its_processes_dies(target, role):
    with ThreadPoolExecutor(8) as pool:
        ends = start(target, pool, timeout=1)
        running(target, 4)
        os.kill(target.role_pids()[role][0], signal.SIGKILL)
        for end in ends:
            end.result()
    target.wait_healthy()
    target.canary()
    wait_for(lambda: [len(box) <= 3 for box in audit.in_use(audit.sandboxes_below(target.process.pid)).values()] == [True] * target.settings["pool"], 20, "what is ready, and no more")


def test_fault_03_the_init_of_a_run_dies(target):
    with ThreadPoolExecutor(1) as pool:
        (end,) = start(target, pool, ["import time\nprint('begun')\ntime.sleep(30)"])
        boxes = running(target, 1)
        time.sleep(0.2)
        for box in boxes.values():
            for pid in of_name(box, "init"):
                os.kill(pid, signal.SIGKILL)
        answer = end.result().json()
    assert (answer["status"], answer["signal"], answer["output"]) == ("signal", "SIGKILL", "begun\n"), answer
    wait_for(lambda: not set(boxes) & set(audit.in_use(audit.sandboxes_below(target.process.pid))), 20, "an end of the others that were ready")
    target.canary()


def test_fault_05_the_broker_dies_with_hostile_runs(target):
    with ThreadPoolExecutor(8) as pool:
        ends = start(target, pool)
        running(target, 4)
        time.sleep(0.3)
        everybody = set(target.tree())
        os.kill(target.process.pid, signal.SIGKILL)
        target.process.wait(10)
        nothing_lives(everybody)
        for end in ends:
            assert isinstance(end.result(), httpx.HTTPError)
    target.close_client()
    target.start()
    target.canary()


def test_fault_07_it_is_told_to_end_with_hostile_runs(target):
    with ThreadPoolExecutor(8) as pool:
        ends = start(target, pool, timeout=1)
        running(target, 4)
        everybody = set(target.tree())
        target.process.send_signal(signal.SIGTERM)
        assert target.process.wait(30) == 0
        nothing_lives(everybody)
        assert [end.result().json()["status"] for end in ends] == ["timeout"] * 4, "what was accepted is answered"
    target.close_client()
    target.process = None


def test_fault_06_signals_out_of_nowhere(target):
    """Every process of the service gets every harmless signal, hundreds of times, while runs go on."""
    with ThreadPoolExecutor(4) as pool:
        ends = [pool.submit(target.execute, "print(6 * 7)", 20) for _ in range(40)]
        for _ in range(50):
            for role, pids in target.role_pids().items():
                for pid in pids:
                    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, signal.SIGCONT, signal.SIGCHLD, signal.SIGPIPE):
                        if role == "broker":
                            os.kill(pid, number)
        assert {end.result()["output"] for end in ends} == {"42\n"}
    target.canary()


def test_fault_11_the_service_may_have_no_more_processes(make_service, tmp_path):
    """The pids controller refuses its forks: requests wait or are refused, nothing breaks, and it recovers."""
    target = make_service(pool=2, pool_max=2, concurrency=4)
    target.canary()
    group = next(Path(f).parent for f in sorted(target.cgroups(), key=len) if (Path(f) / "pids.max").exists() and Path(f).name.startswith("hatchery-"))
    limit = group / f"hatchery-{target.broker}" / "pids.max"
    limit.write_text("1")
    try:
        answers = []
        with ThreadPoolExecutor(4) as pool:
            for _ in range(3):
                answers += [end.result() for end in start(target, pool, ["print(1)"] * 4, timeout=2, patience=2)]
        for answer in answers:
            assert not isinstance(answer, httpx.HTTPError) or isinstance(answer, httpx.TimeoutException), answer
    finally:
        limit.write_text("max")
    target.wait_healthy()
    target.canary()


def test_fault_16_a_half_of_all_its_processes_at_random(target):
    """Random kills of makers, inits and programs for a while: every request is answered, and all is well afterwards."""
    import random

    rng = random.Random(5)
    stop = time.monotonic() + 4
    with ThreadPoolExecutor(6) as pool:
        def client():
            answered = 0
            while time.monotonic() < stop:
                answer = httpx.post(target.url + "/execute", json={"code": rng.choice(["print(1)", *HOSTILE]), "timeout": 0.2}, timeout=60, trust_env=False)
                assert answer.status_code in (200, 500, 503), answer.text
                answered += 1
            return answered

        clients = [pool.submit(client) for _ in range(4)]
        while time.monotonic() < stop:
            victims = list(target.sandboxes()) + [p for role, pids in target.role_pids().items() if role in ("zygote", "incubator") for p in pids if rng.random() < 0.2]
            if victims:
                try:
                    os.kill(rng.choice(victims), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.05)
        assert all(client.result() > 0 for client in clients)
    wait_for(lambda: {"zygote", "incubator", "front"} <= set(target.role_pids()), 20, "all its processes")
    target.canary()
    assert target.log_text().count("sandbox.quarantined") == 0


def test_fault_17_all_that_are_ready_die_again_and_again(target):
    """Under load. No run is given a dead sandbox: each is answered right, or, if it was killed itself, so."""
    stop, ends = time.monotonic() + 4, []

    def client():
        with httpx.Client(timeout=60, trust_env=False) as connection:
            while time.monotonic() < stop:
                answer = connection.post(target.url + "/execute", json={"code": "print(6 * 7)", "timeout": 20})
                said = answer.json()
                ends.append((answer.status_code, said.get("status"), said.get("output")))

    with ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(client) for _ in range(4)]
        while time.monotonic() < stop:
            for pid in target.sandboxes():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.05)
        for one in clients:
            one.result()
    killed = {(200, "signal", "42\n"[:n]) for n in range(4)}  # print() writes twice
    assert set(ends) <= {(200, "ok", "42\n")} | killed, Counter(ends)
    assert ends.count((200, "ok", "42\n")) > 50, Counter(ends)
    assert target.log_text().count("sandbox.quarantined") == 0
    target.canary()


def test_uid_is_never_shared_at_the_same_time(target):
    with ThreadPoolExecutor(4) as pool:
        ends = start(target, pool, ["import time; time.sleep(1)"] * 4)
        running(target, 4)
        for _ in range(20):
            owners = {}
            for inside, box in audit.in_use(audit.sandboxes_below(target.process.pid)).items():
                for uid in set(box.values()):
                    owners.setdefault(uid, set()).add(inside)
            assert 0 not in owners and all(len(inside) == 1 for inside in owners.values()), owners
            time.sleep(0.03)
        assert all(end.result().json()["status"] == "ok" for end in ends)


def test_sockets_of_the_machine_are_not_reached(target):
    """Abstract names live in network namespaces: a program does not see the machine's."""
    import socket

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0hatchery-test-{os.getpid()}")
        listener.listen()
        code = f"import socket\ntry: socket.socket(socket.AF_UNIX).connect('\\0hatchery-test-{os.getpid()}')\nexcept OSError as e: print(e.errno in (1, 111))"
        assert target.execute(code)["output"] == "True\n"
