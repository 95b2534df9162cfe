"""Every attack of attacks.py, and after each: the service is well, a canary runs, nothing has been left."""

import os
import platform
import re

import pytest

import audit
from attacks import ATTACKS
from service import wait_for


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    import service as services

    started = services.Service(folder=tmp_path_factory.mktemp("target"), environment_more={"SECRET_TOKEN": "x"}, pool=2)
    started.exercise()
    started.canary()
    started.baseline = started.settled_holdings()
    yield started
    if started.process is not None:
        started.stop()


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
def test_attack(target, attack):
    if attack.machine and platform.machine() != attack.machine:
        pytest.skip(f"its system call numbers are {attack.machine}'s")
    roles = target.role_pids()
    answer = target.execute(attack.source().replace("{port}", str(target.port)), timeout=attack.timeout)
    statuses = attack.status if isinstance(attack.status, set) else {attack.status}
    assert answer["status"] in statuses, answer
    if attack.output.startswith("^"):
        assert re.fullmatch(attack.output[1:], answer["output"], re.DOTALL), answer
    else:
        assert answer["output"] == attack.output, answer
    if attack.error:
        assert re.search(attack.error, answer["error"]), answer
    for name, expected in attack.fields.items():
        assert expected(answer[name]) if callable(expected) else answer[name] == expected, answer
    target.canary()
    assert target.role_pids() == roles, "no process of the service was replaced"


def test_nothing_is_left_after_all_attacks(target):
    found = target.settled_holdings()
    # What runs (concurrency as the settings compute it), what is ready or being made, what is being cleaned up.
    slots = max(4, 2 * len(os.sched_getaffinity(0))) + 2 * 2
    assert found["processes"] == target.baseline["processes"]
    assert (found["mounts"], found["host mounts"]) == (target.baseline["mounts"], target.baseline["host mounts"])
    hierarchies = len({folder.split("/hatchery-")[0] for folder in target.cgroups()})
    assert found["cgroups"] <= hierarchies * (1 + slots)
    for role, counts in found["descriptors"].items():
        new_slots = max(0, (found["cgroups"] - target.baseline["cgroups"]) // hierarchies)
        new_nests = max(0, found["nests"] - target.baseline["nests"])
        assert sum(counts) - sum(target.baseline["descriptors"][role]) <= 24 * new_slots + new_nests, (role, target.baseline, found)


def test_abstract_sockets_are_not_shared(target):
    """One run binds an abstract socket; another cannot see it."""
    from concurrent.futures import ThreadPoolExecutor

    bind = "import socket, time\ns = socket.socket(socket.AF_UNIX)\ns.bind('\\0hatchery-test')\ns.listen()\ns.settimeout(2)\ntry:\n    s.accept()\n    print('reached')\nexcept TimeoutError: print('alone')"
    connect = "import socket, time\nfor _ in range(15):\n    try:\n        socket.socket(socket.AF_UNIX).connect('\\0hatchery-test')\n        print('reached')\n        break\n    except OSError: time.sleep(0.1)\nelse: print('alone')"
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(target.execute, bind, 10)
        second = pool.submit(target.execute, connect, 10)
        assert (first.result()["output"], second.result()["output"]) == ("alone\n", "alone\n")


def test_memory_of_one_run_is_not_in_another(target):
    """A word that one run had everywhere is nowhere in the memory of the runs that follow."""
    word = "needle-5c1e7a"
    for _ in range(3):
        target.execute(f"x = ['{word}' + str(i) for i in range(100000)]\nimport os\nos.environ['A'] = '{word}'\nopen('/tmp/x', 'w').write('{word}' * 1000)")
    search = """
import re
pieces = ["needle", "-", "5c1e7a"]
found = 0
try:
    for line in open("/proc/self/maps").read().splitlines():
        m = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
        if m and "[v" not in line:
            with open("/proc/self/mem", "rb", 0) as f:
                f.seek(int(m[1], 16))
                data = f.read(min(int(m[2], 16) - int(m[1], 16), 64 << 20)) or b""
            found += data.count(("".join(pieces)).encode() + b"1")
            del data
except OSError as e:
    print("cannot look:", e)
print(found)
"""
    for _ in range(8):
        output = target.execute(search, timeout=20)["output"]
        assert output.endswith("\n") and int(output.split()[-1]) <= 1, output


def test_uid_is_never_shared_at_the_same_time(target):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(target.execute, "import time; time.sleep(1)", 10) for _ in range(4)]
        seen = []

        def look():
            users = {}
            for pid in target.sandboxes():
                uid = (audit.kernel_uids(pid) or [0])[0]
                groups = frozenset(audit.cgroups_of(pid))
                if uid and groups:
                    users.setdefault(uid, set()).add(groups)
            if users:
                seen.append(users)
            return len(users) >= 2

        wait_for(look, 10, "two sandboxes")
        for run in runs:
            run.result()
    assert all(len(groups) == 1 for users in seen for groups in users.values()), seen
