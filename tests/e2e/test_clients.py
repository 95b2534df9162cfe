"""Many clients, and clients that go away: their runs are ended, their slots are freed."""

import json
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

import audit
from service import post, wait_for

SPIN = {"code": "while True: pass", "timeout": 60}


def burning(service):
    """The sandbox processes that have used processor time for a while."""
    return [pid for pid in service.sandboxes() if audit.cpu_ticks(pid) >= 10]


def vanish(connection, reset):
    if reset:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.fixture
def single(make_service):
    """One run at a time: a slot that is not freed shows at once."""
    return make_service(concurrency=1, pool=1, queue=16)


def free(service):
    """The one slot is free: a run gets it in reasonable time."""
    answer = service.execute("print('free')", timeout=10)
    assert answer["output"] == "free\n"


@pytest.mark.parametrize("reset", [False, True], ids=["close", "reset"])
class TestVanish:
    def test_connected(self, single, reset):
        for _ in range(20):
            vanish(single.raw(), reset)
        free(single)

    def test_half_head(self, single, reset):
        for _ in range(20):
            vanish(single.raw(b"POST /execute HTTP/1.1\r\nHo"), reset)
        free(single)

    def test_half_body(self, single, reset):
        for _ in range(20):
            vanish(single.raw(post(SPIN)[:-10]), reset)
        free(single)

    def test_at_once(self, single, reset):
        for _ in range(20):
            vanish(single.raw(post(SPIN)), reset)
        free(single)

    def test_queued(self, single, reset):
        with single.raw(post({"code": "import time; time.sleep(2)", "timeout": 20})) as first:
            waiting = [single.raw(post(SPIN)) for _ in range(5)]
            for connection in waiting:
                vanish(connection, reset)
            assert json.loads(first.answer()[2])["status"] == "ok"
        free(single)

    def test_running(self, single, reset):
        connection = single.raw(post(SPIN))
        running = wait_for(lambda: burning(single), 20, "the run")
        vanish(connection, reset)
        wait_for(lambda: not any(pid in single.tree() for pid in running), 15, "end of the abandoned run")
        free(single)
        assert "cancelled" in single.log_text()

    def test_running_a_tree_of_processes(self, single, reset):
        connection = single.raw(post({"code": "import os\nfor _ in range(3):\n    if os.fork() == 0: os.setsid()\nwhile True: pass", "timeout": 60}))
        running = wait_for(lambda: len(burning(single)) >= 4 and burning(single), 30, "the run")
        vanish(connection, reset)
        wait_for(lambda: not any(pid in single.tree() for pid in running), 15, "end of the abandoned run")
        free(single)

    def test_answer_being_sent(self, make_service, reset):
        service = make_service(concurrency=1, pool=1, limit_output="16M")
        for _ in range(3):
            connection = service.raw()
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.send(post({"code": "print('x' * 10_000_000)", "timeout": 20}))
            assert connection.socket.recv(1000)
            vanish(connection, reset)
        free(service)

    def test_pipelined(self, single, reset):
        connection = single.raw(post(SPIN) * 5)
        wait_for(lambda: burning(single), 20, "the run")
        vanish(connection, reset)
        free(single)


def test_client_that_does_not_read(make_service):
    """A client that takes no answer holds up nobody else."""
    service = make_service(concurrency=1, pool=1, limit_output="16M")
    with service.raw() as connection:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.send(post({"code": "print('x' * 10_000_000)", "timeout": 20}))
        assert connection.socket.recv(1)
        free(service)


def test_everyone_gets_their_own_answer(service):
    def run(n):
        with httpx.Client(timeout=60, trust_env=False) as client:
            found = []
            for i in range(4):
                code = f"import sys\nprint('{n}-{i}')\nprint('e{n}-{i}', file=sys.stderr)\nsys.exit({(n + i) % 100})"
                answer = client.post(service.url + "/execute", json={"code": code, "timeout": 30}).json()
                found.append((answer["output"], answer["error"], answer["exit_code"]))
            return found

    with ThreadPoolExecutor(50) as pool:
        for n, found in enumerate(pool.map(run, range(50))):
            assert found == [(f"{n}-{i}\n", f"e{n}-{i}\n", (n + i) % 100) for i in range(4)]


def test_queue_full(make_service):
    service = make_service(concurrency=1, pool=1, queue=1)

    def run(_):
        with httpx.Client(timeout=60, trust_env=False) as client:
            return client.post(service.url + "/execute", json={"code": "import time; time.sleep(1)", "timeout": 10})

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(run, range(8)))
    statuses = sorted(answer.status_code for answer in answers)
    assert set(statuses) == {200, 503}
    assert 1 <= statuses.count(200) <= 4
    for answer in answers:
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) >= 1
            assert isinstance(answer.json()["detail"], str)
            assert answer.headers["content-type"] == "application/json"
    service.canary()


def test_queue_of_none(make_service):
    """Nobody waits behind another's run."""
    service = make_service(concurrency=1, pool=1, queue=0)
    wait_for(lambda: service.post({"code": ""}).status_code == 200, 20, "a sandbox")

    def run(_):
        with httpx.Client(timeout=60, trust_env=False) as client:
            return client.post(service.url + "/execute", json={"code": "import time; time.sleep(1)", "timeout": 10}).status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(run, range(6)))
    assert set(statuses) == {200, 503} and statuses.count(503) >= 4


def test_waiting_does_not_count_as_running(make_service):
    """The clock of a run starts when it runs, not when its request came."""
    service = make_service(concurrency=1, pool=1)

    def run(_):
        with httpx.Client(timeout=60, trust_env=False) as client:
            return client.post(service.url + "/execute", json={"code": "import time; time.sleep(0.6)", "timeout": 1.5}).json()

    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(run, range(5)))
    assert [a["status"] for a in answers] == ["ok"] * 5
    assert max(a["usage"]["queued"] for a in answers) > 1.5
    assert max(a["execution_time"] for a in answers) < 1.5


def test_health_while_every_slot_is_busy(make_service):
    service = make_service(concurrency=2, pool=2)

    def run(_):
        with httpx.Client(timeout=60, trust_env=False) as client:
            return client.post(service.url + "/execute", json={"code": "while True: pass", "timeout": 1.5}).json()["status"]

    worst, calls = 0.0, 0
    with ThreadPoolExecutor(6) as pool:
        runs = [pool.submit(run, n) for n in range(6)]
        while not all(r.done() for r in runs):
            started = time.monotonic()
            assert service.client.get("/health").json() == {"status": "healthy"}
            worst, calls = max(worst, time.monotonic() - started), calls + 1
            time.sleep(0.02)
        assert [r.result() for r in runs] == ["timeout"] * 6
    assert calls > 10
    assert worst < 1.0, f"/health took {worst:.3f} s"


def test_quick_runs_beside_a_slow_one(make_service):
    service = make_service(concurrency=4, pool=4)
    with service.raw(post({"code": "import time; time.sleep(3)", "timeout": 20})) as slow:
        started = time.monotonic()
        for _ in range(10):
            service.canary()
        assert time.monotonic() - started < 3, "they do not wait for the slow one"
        assert json.loads(slow.answer()[2])["status"] == "ok"
