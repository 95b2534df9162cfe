"""After thousands of mixed runs the service holds no more than before.

HATCHERY_LEAK_RUNS      how many runs (10000)
HATCHERY_LEAK_MEMORY    MiB that a process of the service may have grown (8; 256 in a sanitizer build, which keeps freed memory)
"""

import os
import random
import threading
import time

import httpx
import pytest

import audit
from service import BINARY

RUNS = int(os.environ.get("HATCHERY_LEAK_RUNS", "10000"))
SANITIZED = BINARY.exists() and b"__asan_init" in BINARY.read_bytes()
GROWTH = int(os.environ.get("HATCHERY_LEAK_MEMORY", "256" if SANITIZED else "8")) << 20
CLIENTS = 4
LIMIT_OUTPUT = 64 << 10
POOL, CONCURRENCY = 4, 4
SLOTS = CONCURRENCY + 2 * POOL  # running; ready or being made; being cleaned up
DESCRIPTORS_OF_A_SLOT = 24

# (weight, name, code, timeout, expected status)
MIX = [
    (80, "ok", "print(sum(range(100)))", 20, "ok"),
    (6, "error", "import sys; print('x'); sys.exit(3)", 20, "error"),
    (4, "uncaught", "def f(): return 1 / 0\nf()", 20, "error"),
    (2, "timeout", "while True: pass", 0.05, "timeout"),
    (2, "flood", "import os\nfor _ in range(8): os.write(1, b'x' * 65536)", 20, "ok"),
    (1, "output limit", "import os\nwhile True: os.write(1, b'x' * 65536)", 20, "output_limit"),
    (2, "fork", "import os\nfor _ in range(3):\n    if os.fork() == 0: os._exit(0)\nprint('x')", 20, "ok"),
    (1, "left behind", "import os\nif os.fork() == 0:\n    os.setsid()\n    while True: pass", 20, "ok"),
    (1, "crash", "import os; os.abort()", 20, "signal"),
    (1, "files", "for n in range(50): open(f'/tmp/{n}', 'w').write('x' * 1000)", 20, "ok"),
    (0.1, "memory", "l = []\nwhile True: l.append(bytearray(1 << 20))", 20, "memory_limit"),
]


def load(service, runs, seed):
    """Runs the mix from several clients; the list of what was not as expected."""
    left, lock, wrong = [runs], threading.Lock(), []

    def client(number):
        choose = random.Random(seed * 1000 + number)
        with httpx.Client(timeout=60, trust_env=False) as connection:
            while True:
                with lock:
                    if left[0] <= 0 or len(wrong) > 5:
                        return
                    left[0] -= 1
                _, name, code, timeout, status = choose.choices(MIX, [entry[0] for entry in MIX])[0]
                try:
                    answer = connection.post(service.url + "/execute", json={"code": code, "timeout": timeout})
                    if answer.status_code != 200 or answer.json()["status"] != status:
                        wrong.append((name, answer.status_code, answer.text[:300]))
                except httpx.HTTPError as error:
                    wrong.append((name, repr(error)))

    threads = [threading.Thread(target=client, args=(n,)) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def no_more(service, before, after):
    """Fails when more is held than before. A slot's cgroup and its nest are made when they are first needed, and removed and
    made anew when a run left a mark on them: what may differ, up to the number of slots that the settings give."""
    hierarchies = len({folder.split("/hatchery-")[0] for folder in service.cgroups()})
    more = after["cgroups"] - before["cgroups"]
    assert more % hierarchies == 0, (before, after)  # whole slots, never one folder alone
    assert after["cgroups"] <= hierarchies * (1 + SLOTS), (before, after)
    assert after["nests"] <= SLOTS, (before, after)
    new_slots, new_nests = max(0, more // hierarchies), max(0, after["nests"] - before["nests"])
    assert after["processes"] == before["processes"]
    assert (after["mounts"], after["host mounts"]) == (before["mounts"], before["host mounts"])
    for role, counts in after["descriptors"].items():
        grown = sum(counts) - sum(before["descriptors"][role])
        # The zygote keeps a slot's cgroup files until it hears of the slot's next cgroup.
        kept = hierarchies * SLOTS if role == "zygote" else 0
        assert grown <= DESCRIPTORS_OF_A_SLOT * new_slots + new_nests + kept, (role, before, after)


def memory(service):
    return {role: max(audit.resident(pid) for pid in pids) for role, pids in service.role_pids().items()}


@pytest.mark.leaks
@pytest.mark.timeout(1800)
def test_nothing_is_left(make_service):
    service = make_service(pool=POOL, pool_max=POOL, concurrency=CONCURRENCY, limit_output=LIMIT_OUTPUT, limit_memory="64M", log_level="warn",
                           rotate_runs=0, rotate_age=0, rotate_faults="false")  # a new zygote holds less: test_rotation.py
    service.exercise()
    assert load(service, min(500, RUNS), seed=1) == []
    before, memory_before = service.settled_holdings(), memory(service)
    started = time.monotonic()
    assert load(service, RUNS, seed=2) == []
    took = time.monotonic() - started
    after, memory_after = service.settled_holdings(), memory(service)
    if after["processes"] != before["processes"]:
        print(service.tree(), service.log_tail(20))
    print(f"{RUNS} runs in {took:.1f} s; {before}; memory {memory_before} then {memory_after}")
    no_more(service, before, after)
    for role, size in memory_after.items():
        assert size - memory_before[role] <= GROWTH, f"{role} grew from {memory_before[role]} to {size} bytes"
    service.canary()
