"""API keys: who has none is out, and nobody's requests push another's aside."""

import hashlib
import json
import os
import re
import signal
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from service import command, post, wait_for
from test_streams import chunks, request
from test_watching import scrape

SLEEP = {"code": "import time; time.sleep(30)", "timeout": 60}


def line(name, key, limits=""):
    return f"{name} sha256:{hashlib.sha256(key.encode()).hexdigest()} {limits}\n"


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def ask(service, key, body={"code": "print(1)"}, **headers):  # noqa: B006
    return service.post(body, headers=bearer(key) | {name.replace("_", "-"): value for name, value in headers.items()})


def keyed(key, body, **more):
    return post(body, extra=f"Authorization: Bearer {key}\r\n".encode() + b"".join(f"{n}: {v}\r\n".encode() for n, v in more.items()))


@pytest.fixture
def make_keyed(make_service, tmp_path):
    """A service with a keys file, whose path is .keys."""

    def make(text, **settings):
        path = tmp_path / "keys"
        path.write_text(text)
        service = make_service(keys_file=path, **settings)
        service.keys = path
        wait_for(lambda: "keys.loaded" in service.log_text(), 20, "the keys")
        return service

    return make


def test_new_key(make_keyed):
    """What the command prints is what the service takes."""
    printed = command("key", "new", "alice")
    assert printed.returncode == 0 and printed.stderr == b""
    key = re.search(r"^  (hatchery_[A-Za-z0-9_-]{43})$", printed.stdout.decode(), re.MULTILINE)[1]
    entry = re.search(r"^alice sha256:[0-9a-f]{64}$", printed.stdout.decode(), re.MULTILINE)[0]
    assert key not in entry
    assert command("key", "new", "alice").stdout != printed.stdout
    service = make_keyed(entry + "\n")
    assert ask(service, key).json()["output"] == "1\n"
    wait_for(lambda: "key=alice" in service.log_text(), 20, "the run's line")
    assert key not in service.log_text()


@pytest.mark.parametrize("arguments", [[], ["new"], ["old", "x"], ["new", "a b"], ["new", "x" * 33], ["new", "a", "b"]])
def test_wrong_command(arguments):
    done = command("key", *arguments)
    assert done.returncode == 2 and done.stdout == b"" and done.stderr.startswith(b"hatchery key: ")


def test_metrics_of_each_key(make_keyed):
    """One label value for each name in the file, and none for what is not in it."""
    service = make_keyed(line("alice", "alice") + line("bob", "bob", "rate=0.001 burst=1"))
    ask(service, "alice"), ask(service, "alice"), ask(service, "bob")
    assert ask(service, "bob").status_code == 429 and ask(service, "mallory").status_code == 401

    def told():
        text = service.client.get("/metrics", headers={"Authorization": "Bearer alice"}).text
        return {name: float(value) for name, value in (row.rsplit(" ", 1) for row in text.splitlines() if "{key=" in row)}

    wait_for(lambda: told()['hatchery_key_runs_total{key="alice"}'] == 2, 20, "the runs are counted")
    seen = told()
    assert seen['hatchery_key_runs_total{key="bob"}'] == 1 and seen['hatchery_key_rejections_total{key="bob"}'] == 1
    assert seen['hatchery_key_rejections_total{key="alice"}'] == 0 and seen['hatchery_key_run_seconds_total{key="alice"}'] > 0
    assert seen['hatchery_key_runs_running{key="alice"}'] == seen['hatchery_key_runs_waiting{key="bob"}'] == 0
    assert len(seen) == 10 and "mallory" not in str(seen)


class TestWhoIsOut:
    def test_without_a_key(self, make_keyed):
        service = make_keyed(line("alice", "k1"), access_log="true")
        for method, path in [("POST", "/execute"), ("GET", "/info"), ("GET", "/metrics"), ("DELETE", "/runs/x")]:
            answer = service.client.request(method, path, content=b'{"code":"print(1)"}' if method == "POST" else None)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), path
            assert isinstance(answer.json()["detail"], str)
        for path in ("/health", "/ready", "/", "/playground/playground.js", "/docs", "/openapi.json"):
            assert service.client.get(path).status_code in (200, 503), path
        for value in ("Bearer k2", "Bearer", "Basic azE=", "k1", "Bearer k1 k1", "Bearer k", "Bearer k11", "Bearer " + "k1" * 60, "Bearer K1"):
            answer = service.post({"code": "print(1)"}, headers={"Authorization": value})
            assert answer.status_code == 401 and "invalid_token" in answer.headers["www-authenticate"], value
        assert ask(service, "k1").status_code == 200
        assert service.post({"code": ""}, headers={"Authorization": "bearer  k1"}).status_code == 200
        assert service.client.get("/info", headers=bearer("k1")).status_code == 200
        wait_for(lambda: "path=/info status=200" in service.log_text() and "key=alice" in service.log_text(), 5)
        assert service.client.get("/metrics", headers=bearer("k1")).text.count('rejections_total{reason="key"} 13') == 1

    @pytest.mark.parametrize("extra", [b"", b"Authorization: Bearer k2\r\n", b"Expect: 100-continue\r\n"])
    def test_before_the_body_is_sent(self, make_keyed, extra):
        service = make_keyed(line("alice", "k1"))
        head = b"POST /execute HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8000000\r\n" + extra + b"\r\n"
        with service.raw(head) as connection:
            status, headers, _ = connection.answer()
            assert (status, headers["connection"]) == (401, "close") and headers["www-authenticate"].startswith("Bearer")
        body = json.dumps({"code": "print(1)"}).encode()
        with service.raw(keyed("k1", body)[: -len(body)]) as connection:
            connection.send(body)
            assert connection.answer()[0] == 200

    def test_the_hash_is_no_key(self, make_keyed):
        entry = line("alice", "k1")
        service = make_keyed(entry)
        assert ask(service, entry.split(":")[1].strip()).status_code == 401

    def test_an_empty_file_lets_nobody_in(self, make_keyed):
        service = make_keyed("# nobody yet\n\n")
        assert service.post({"code": ""}).status_code == ask(service, "x").status_code == 401
        with service.raw(keyed("", {"code": ""})) as connection:
            assert connection.answer()[0] == 401

    def test_a_new_front_knows_the_keys(self, make_keyed):
        service = make_keyed(line("alice", "k1"))
        os.kill(service.role_pids()["front"][0], signal.SIGKILL)
        wait_for(lambda: service.log_text().count("keys.loaded") == 2, 20, "a new front")
        assert ask(service, "k2").status_code == 401 and ask(service, "k1").status_code == 200


class TestReload:
    def test_keys_come_and_go(self, make_keyed):
        service = make_keyed(line("alice", "k1") + line("bob", "k2"))
        with service.raw(keyed("k2", SLEEP | {"code": "import time; time.sleep(1); print('bob')"})) as running, service.raw() as kept:
            wait_for(lambda: scrape_with(service, "k1")["hatchery_runs_running"] == 1, 20, "the run")
            service.keys.write_text(line("alice", "k9") + line("carol", "k3"))
            service.process.send_signal(signal.SIGHUP)
            wait_for(lambda: service.log_text().count("keys.loaded") == 2, 20, "the new keys")
            assert [ask(service, key).status_code for key in ("k1", "k2", "k9", "k3")] == [401, 401, 200, 200]
            kept.send(keyed("k1", {"code": ""}))
            assert kept.answer()[0] == 401
            assert json.loads(running.answer()[2])["output"] == "bob\n", "what runs goes on"

    @pytest.mark.parametrize("text, word", [
        ("alice", "alice has no hash"),
        ("alice sha256:12", "no hash"),
        ("alice k1", "no hash"),
        ("al/ice sha256:" + "0" * 64, "no name"),
        ("alice sha256:" + "0" * 64 + " rate=x", "rate"),
        ("alice sha256:" + "0" * 64 + " rate=nan", "rate"),
        ("alice sha256:" + "0" * 64 + " concurrency=1.5", "whole"),
        ("alice sha256:" + "0" * 64 + " speed=1", "speed"),
        (line("a", "k1") + line("b", "k1"), "line 2"),
        (line("a", "k1") + line("a", "k2"), "line 2"),
        (None, "cannot read"),
    ])  # fmt: skip
    def test_a_bad_file_changes_nothing(self, make_keyed, text, word):
        service = make_keyed(line("alice", "k1"))
        service.keys.unlink() if text is None else service.keys.write_text(text)
        service.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "keys.unchanged" in service.log_text(), 20, "the refusal")
        assert word in service.log_text()
        assert ask(service, "k1").status_code == 200
        done = command("serve", "--check-config", "--keys-file", service.keys)
        assert done.returncode == 2 and word.encode() in done.stderr


def scrape_with(service, key):
    service.client.headers["Authorization"] = f"Bearer {key}"
    try:
        return scrape(service)
    finally:
        del service.client.headers["Authorization"]


class TestExposure:
    @pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "10.0.0.1:80", "example.com:80"])
    def test_not_beyond_this_machine_without_keys(self, listen):
        done = command("serve", "--check-config", "--listen", listen)
        assert done.returncode == 2 and b"keys-file" in done.stderr and b"insecure-no-keys" in done.stderr
        assert command("serve", "--check-config", "--listen", listen, "--insecure-no-keys", "true").returncode == 0

    @pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.9.9.9:80", "[::1]:80", "localhost:80"])
    def test_this_machine(self, listen):
        assert command("serve", "--check-config", "--listen", listen).returncode == 0

    def test_with_keys(self, tmp_path):
        (tmp_path / "keys").write_text(line("alice", "k1"))
        assert command("serve", "--check-config", "--listen", "0.0.0.0:80", "--keys-file", tmp_path / "keys").returncode == 0


class TestLimits:
    def test_rate(self, make_keyed):
        service = make_keyed(line("slow", "k1", "rate=0.01 burst=3") + line("quick", "k2", "rate=2") + line("free", "k3"))
        answers = [ask(service, "k1") for _ in range(5)]
        assert [a.status_code for a in answers] == [200, 200, 200, 429, 429]
        assert 50 <= int(answers[3].headers["retry-after"]) <= 100
        assert all(ask(service, "k3").status_code == 200 for _ in range(5))
        for _ in range(3):
            wait_for(lambda: ask(service, "k2").status_code == 200, 20, "a token", interval=0.2)

    def test_concurrency_and_queue(self, make_keyed):
        service = make_keyed(line("two", "k1", "concurrency=2 queue=1") + line("free", "k2"), concurrency=6, pool=3)
        with ThreadPoolExecutor(12) as pool:
            runs = [pool.submit(ask, service, "k1", {"code": "import time; t = time.time(); time.sleep(1); print(t, time.time())", "timeout": 20}) for _ in range(8)]
            time.sleep(0.3)
            assert ask(service, "k2").status_code == 200
            answers = [run.result() for run in runs]
        statuses = sorted(a.status_code for a in answers)
        assert set(statuses) == {200, 429} and 3 <= statuses.count(200) <= 6
        assert all(int(a.headers["retry-after"]) >= 1 for a in answers if a.status_code == 429)
        times = sorted(tuple(map(float, a.json()["output"].split())) for a in answers if a.status_code == 200)
        for start, _ in times:
            assert sum(s <= start < e for s, e in times) <= 2

    def test_timeout(self, make_keyed):
        service = make_keyed(line("short", "k1", "max-timeout=0.5") + line("free", "k2"))
        assert ask(service, "k1", {"code": "", "timeout": 1}).status_code == 422
        assert ask(service, "k2", {"code": "", "timeout": 1}).status_code == 200
        answer = ask(service, "k1", {"code": "while True: pass"}).json()
        assert answer["status"] == "timeout" and 0.4 < answer["execution_time"] < 4

    def test_only_ones_own_runs_can_be_ended(self, make_keyed):
        service = make_keyed(line("alice", "k1") + line("bob", "k2"))
        with service.raw(keyed("k1", SLEEP, **{"X-Request-Id": "alices"})) as connection:
            wait_for(lambda: scrape_with(service, "k1")["hatchery_runs_running"] == 1, 20, "the run")
            assert service.client.delete("/runs/alices", headers=bearer("k2")).status_code == 404
            assert service.client.delete("/runs/alices", headers=bearer("k1")).status_code == 200
            assert json.loads(connection.answer()[2])["status"] == "cancelled"


class TestFairness:
    def test_one_request_does_not_wait_behind_a_crowd(self, make_keyed):
        """64 clients of one key, and one of another: who asks alone gets the next place, or has one kept."""
        service = make_keyed(line("crowd", "k1") + line("one", "k2"), concurrency=3, pool=3)
        crowd = [service.raw(keyed("k1", {"code": "import time; time.sleep(0.5)", "timeout": 20})) for _ in range(64)]
        wait_for(lambda: scrape_with(service, "k2")["hatchery_runs_waiting"] > 55, 20, "the crowd")
        for _ in range(5):
            answer = ask(service, "k2", {"code": "print(1)", "timeout": 20})
            assert answer.json()["output"] == "1\n"
        assert scrape_with(service, "k2")["hatchery_runs_waiting"] > 30, "the crowd still waits"
        for connection in crowd:
            connection.close()

    def test_the_last_ready_sandbox_is_not_the_crowds(self, make_keyed):
        """Nor when its runs are so short that none is going whenever a sandbox becomes ready."""
        service = make_keyed(line("crowd", "k1") + line("one", "k2"), pool=4, pool_max=4)
        over, queued = threading.Event(), []

        def crowd():
            with service.raw() as connection:
                while not over.is_set():
                    connection.send(keyed("k1", {"code": "print(1)", "timeout": 20}))
                    assert connection.answer()[0] == 200

        with ThreadPoolExecutor(24) as pool:
            clients = [pool.submit(crowd) for _ in range(24)]
            try:
                for _ in range(40):
                    time.sleep(0.02)
                    queued.append(ask(service, "k2").json()["usage"]["queued"])
            finally:
                over.set()
            for client in clients:
                client.result()
        assert statistics.quantiles(queued, n=4)[2] < 0.001, sorted(queued)

    def test_the_crowd_is_served_in_its_order(self, make_keyed):
        service = make_keyed(line("crowd", "k1"), concurrency=1, pool=1)
        started = []
        connections = []
        for n in range(5):
            connections.append(service.raw(keyed("k1", {"code": f"import time; time.sleep(0.1); print({n}, time.monotonic())", "timeout": 20})))
            wait_for(lambda n=n: scrape_with(service, "k1")["hatchery_connections"] > n + 1, 20)
        for n, connection in enumerate(connections):
            number, at = json.loads(connection.answer()[2])["output"].split()
            assert int(number) == n
            started.append(float(at))
        assert started == sorted(started)

    def test_a_key_alone_may_have_everything(self, make_keyed):
        service = make_keyed(line("only", "k1"), concurrency=4, pool=4)
        with ThreadPoolExecutor(4) as pool:
            times = [run.result().json()["output"].split() for run in [pool.submit(ask, service, "k1", {"code": "import time; t = time.time(); time.sleep(1); print(t, time.time())", "timeout": 20}) for _ in range(4)]]
        assert max(float(t[0]) for t in times) < min(float(t[1]) for t in times), "all four at the same time"

    def test_the_queue_is_shared(self, make_keyed):
        """One key cannot take every waiting place."""
        service = make_keyed(line("crowd", "k1") + line("one", "k2"), concurrency=1, pool=1, queue=4)
        with service.raw(keyed("k1", SLEEP)) as first:
            wait_for(lambda: scrape_with(service, "k2")["hatchery_runs_running"] == 1, 20, "the first run")
            crowd = [service.raw(keyed("k1", SLEEP)) for _ in range(2)]
            wait_for(lambda: scrape_with(service, "k2")["hatchery_runs_waiting"] == 2, 20, "the crowd")
            assert ask(service, "k1").status_code == 429
            with service.raw(keyed("k2", SLEEP)):
                wait_for(lambda: scrape_with(service, "k2")["hatchery_runs_waiting"] == 3, 20, "the other one")
            for connection in [*crowd, first]:
                connection.close()


class TestWaiting:
    def busy(self, service, seconds=0.6):
        """The service has seen runs of this length, one is going on, and another waits."""
        for _ in range(2):
            assert service.post({"code": f"import time; time.sleep({seconds})", "timeout": 20}).status_code == 200
        connections = [service.raw(post({"code": f"import time; time.sleep({seconds})", "timeout": 20})) for _ in range(4)]
        wait_for(lambda: scrape(service)["hatchery_runs_waiting"] == 3, 20, "requests that wait")
        return connections

    @pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
    def test_refused_at_once_if_it_would_be_too_long(self, make_service, accept):
        service = make_service(concurrency=1, pool=1)
        connections = self.busy(service, 2)
        started = time.monotonic()
        answer = service.post({"code": "print(1)"}, headers={"Prefer": "wait=1", "Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/json")
        assert time.monotonic() - started < 1
        assert 3 <= int(answer.headers["retry-after"]) <= 9
        for connection in connections:
            connection.close()

    @pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
    def test_refused_when_it_has_waited_that_long(self, make_service, accept):
        """Nothing was known of the runs before, so it could be admitted."""
        service = make_service(concurrency=1, pool=1)
        with service.raw(request(SLEEP)) as first:
            next(chunks(first))
            answer = service.post({"code": "print(1)"}, headers={"Prefer": "respond-async, wait=1", "Accept": accept})
            assert (answer.status_code, answer.headers["content-type"]) == (503, "application/json") and int(answer.headers["retry-after"]) >= 1
            seen = scrape(service)
            assert seen['hatchery_rejections_total{reason="wait"}'] == 1 and seen["hatchery_runs_waiting"] == 0

    def test_patience_is_rewarded(self, make_service):
        service = make_service(concurrency=1, pool=1)
        connections = self.busy(service)
        answer = service.post({"code": "print(1)"}, headers={"Prefer": "wait=20"})
        assert answer.status_code == 200 and answer.json()["output"] == "1\n"
        for connection in connections:
            connection.close()

    def test_setting(self, make_service):
        service = make_service(concurrency=1, pool=1, max_wait=0.5)
        with service.raw(request(SLEEP)) as first:
            next(chunks(first))
            assert service.post({"code": ""}, headers={"Prefer": "wait=1000"}).status_code == 503
            assert service.post({"code": ""}).status_code == 503
        service.canary()
