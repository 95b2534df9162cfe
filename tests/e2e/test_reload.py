"""New settings, keys and binaries without a restart: nothing that was accepted is lost, and what does not work changes nothing.

HATCHERY_RELOADS, HATCHERY_UPGRADES and HATCHERY_RELOAD_RATE (requests a second) make the load test longer: `make test-reload`."""

import json
import os
import signal
import socket
import subprocess
import threading
import time

import httpx
import pytest

import audit
import service as services
from service import command, own_mounts, post, wait_for

RELOADS = int(os.environ.get("HATCHERY_RELOADS", "5"))
UPGRADES = int(os.environ.get("HATCHERY_UPGRADES", "2"))
RATE = float(os.environ.get("HATCHERY_RELOAD_RATE", "60"))
CLIENTS = 8
SANITIZED = b"libasan" in services.BINARY.read_bytes()


@pytest.fixture
def own(make_service, tmp_path):
    """A service whose settings file and binary can be changed: service.file, service.binary, service.write(pool=2, ...)."""

    def make(**settings):
        file = tmp_path / "hatchery.conf"

        def write(**given):
            file.write_text("".join(f"{name.replace('_', '-')} = {value}\n" for name, value in given.items()))

        write(**settings)
        service = make_service(config=file, binary=services.copy_binary(tmp_path / "binary"))
        service.file, service.write = file, write
        service.execute("print(1)", client=fresh(service))
        return service

    return make


def reload(service, *options):
    """`hatchery reload`: its exit status and what it said."""
    done = command("reload", "--listen", f"127.0.0.1:{service.port}", *options, timeout=150)
    return done.returncode, (done.stdout + done.stderr).decode()


def fresh(service):
    """A client of its own: one that is kept is answered once more by the generation that it knows."""
    service.close_client()
    service.client = httpx.Client(base_url=service.url, timeout=60, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
    return service.client


def inode(path):
    return os.stat(path).st_ino


def is_alone(service):
    """One generation, and nothing of those before it."""
    return len(service.brokers()) == 1 and all(len(pids) == 1 for pids in service.role_pids().values())


class Client(threading.Thread):
    """Sends numbered runs at its pace, some on a kept connection and some on one of their own. Every one must be answered, once, rightly."""

    def __init__(self, service, number, over):
        super().__init__()
        self.service, self.number, self.over = service, number, over
        self.sent = self.answered = self.closed = 0
        self.wrong = []

    def ask(self, connection, text):
        self.sent += 1
        connection.send(post({"code": f"print({text!r})", "timeout": 20}))
        status, headers, body = connection.answer() or (0, {}, b"")
        if status != 200 or json.loads(body)["output"] != text + "\n":
            self.wrong.append((text, status, body[:200]))
        self.answered += 1
        return headers.get("connection") == "close"

    def run(self):
        kept, due = None, time.monotonic()
        while not self.over.is_set():
            text = f"{self.number}-{self.sent}"
            try:
                if self.sent % 4 == 3:
                    with self.service.raw() as once:
                        self.ask(once, text)
                else:
                    kept = kept or self.service.raw()
                    if self.ask(kept, text):
                        self.closed += 1
                        kept.close()
                        kept = None
            except (OSError, AssertionError) as error:
                self.wrong.append((text, repr(error)))
                kept = None
            due += CLIENTS / RATE
            time.sleep(max(0, due - time.monotonic()))
        if kept:
            kept.close()


@pytest.mark.timeout(900)
def test_no_request_is_lost(own):
    service = own(pool=4)
    holdings = service.settled_holdings()
    over = threading.Event()
    clients = [Client(service, n, over) for n in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        for n in range(RELOADS + UPGRADES):
            upgrade = n % ((RELOADS + UPGRADES) // UPGRADES) == 0 and n < UPGRADES * ((RELOADS + UPGRADES) // UPGRADES)
            before = service.broker
            if upgrade:
                services.copy_binary(service.binary.parent)
            else:
                service.write(pool=4, limit_files=1000 + n)
            status, said = reload(service)
            assert status == 0 and "serves" in said, said
            assert service.broker != before
            if upgrade:
                wait_for(lambda: inode(f"/proc/{service.process.pid}/exe") == inode(service.binary), 20, "the supervisor of the new binary")
                assert inode(f"/proc/{service.broker}/exe") == inode(service.binary)
            time.sleep(0.2)
    finally:
        over.set()
        for client in clients:
            client.join()
    sent, answered = sum(c.sent for c in clients), sum(c.answered for c in clients)
    print(f"{sent} requests at {RATE:.0f}/s, {RELOADS} reloads, {UPGRADES} upgrades: {sent - answered} lost; {sum(c.closed for c in clients)} connections closed after an answer")
    assert [c.wrong for c in clients if c.wrong] == [] and sent == answered
    assert sum(c.closed for c in clients) > 0, "kept connections were told"
    wait_for(lambda: is_alone(service), 30, "an end of the generations before")
    after = service.settled_holdings()
    assert own_mounts(after) == own_mounts(holdings)
    assert after["descriptors"]["supervisor"] == holdings["descriptors"]["supervisor"]
    assert service.log_text().count("broker.retires") == RELOADS + UPGRADES
    assert not [f for f in audit.cgroup_folders("hatchery-") if any(f"hatchery-{pid}" in f for pid in pids_of_log(service)[:-1])]


def pids_of_log(service):
    return [int(line.split("pid=")[1].split()[0]) for line in service.log_text().splitlines() if "generation.serves" in line]


class TestSettings:
    def test_what_changed_is_in_force_and_in_the_log(self, own):
        service = own(pool=1, max_timeout=60)
        service.write(pool=1, default_timeout=1, max_timeout=2)
        service.process.send_signal(signal.SIGHUP)
        wait_for(lambda: service.log_text().count("generation.serves") == 2, 30, "the next generation")
        assert "settings.changed name=max-timeout was=60 is=2" in service.log_text()
        assert service.post({"code": "", "timeout": 3}).status_code == 422
        assert service.execute("print(1)", timeout=1)["output"] == "1\n"

    def test_of_an_environment(self, own):
        service = own(pool=1)
        service.file.write_text("pool = 1\n[environment other]\npool = 0\nlimit-memory = 64M\n")
        assert reload(service)[0] == 0
        assert 'settings.changed name=environment was="" is=other' in service.log_text()
        assert service.post({"code": "print(1)", "environment": "other"}).json()["output"] == "1\n"
        service.file.write_text("pool = 1\n[environment other]\npool = 0\nlimit-memory = 65M\n")
        assert reload(service)[0] == 0
        assert "settings.changed name=environment.other.limit-memory was=64M is=65M" in service.log_text()

    def test_the_same_changes_nothing(self, own):
        service = own(pool=1)
        broker = service.broker
        assert reload(service) == (0, "the settings have not changed\n")
        assert service.broker == broker
        assert reload(service, "--binary")[0] == 0
        assert service.broker != broker

    def test_a_bad_file_changes_nothing(self, own):
        service = own(pool=1)
        broker = service.broker
        for text, word in [("pol = 3\n", 'did you mean "pool"'), ("pool = many\n", "pool"), ("default-timeout = 70\n", "max-timeout")]:
            service.file.write_text(text)
            before = service.log_text().count("\n")
            status, said = reload(service)
            assert status == 1 and word in said
            news = service.log_text().splitlines()[before:]
            assert len([line for line in news if " error " in line]) == 1 and word in " ".join(news).replace("\\", ""), news
        assert service.broker == broker
        service.canary()

    def test_what_only_a_restart_can_change(self, own):
        service = own(pool=1, first_uid=200000)
        service.write(pool=2, first_uid=300000)
        assert reload(service)[0] == 0
        assert "settings.needs_restart name=first-uid in_force=200000 file=300000" in service.log_text()
        assert "settings.needs_restart name=listen" not in service.log_text(), "it is given on the command line, which wins"
        assert "settings.changed name=pool was=1 is=2" in service.log_text()

    def test_settings_that_cannot_work(self, own, tmp_path):
        """They can be read, but no sandbox can be made with them."""
        service = own(pool=1)
        broker = service.broker
        service.write(pool=1, python="/usr/bin/env")
        status, said = reload(service)
        assert status == 1 and "/usr/bin/env" in said
        assert service.broker == broker and service.log_text().count("reload.failed") == 1
        service.canary()
        everyone = set(audit.tree(broker))
        os.kill(broker, signal.SIGKILL)  # and it comes back by the settings that worked
        wait_for(lambda: not service._alive(everyone), 10, "its end")
        service.canary()


class TestBinary:
    @pytest.mark.parametrize("content, word", [
        (b"", "Exec format error"), (b"#!/bin/sh\nexit 3\n", "exited with status 3"), (b"#!/bin/sh\nkill -SEGV $$\n", "SIGSEGV"),
        (b"#!/nonexistent/sh\n", "No such file"), (None, "Permission denied"),
    ])  # fmt: skip
    def test_a_bad_one_changes_nothing(self, own, content, word):
        service = own(pool=1)
        broker = service.broker
        good = service.binary.rename(f"{service.binary}.good")
        service.binary.write_bytes(content if content is not None else good.read_bytes())
        service.binary.chmod(0o755 if content is not None else 0o644)
        if content is None:
            service.binary.chmod(0)
        status, said = reload(service, "--binary")
        assert status == 1 and word in said
        assert service.broker == broker and word in service.log_text()
        service.canary()
        os.rename(good, service.binary)
        assert reload(service, "--binary")[0] == 0
        service.canary()

    def test_settings_that_only_the_next_one_reads(self, own):
        """Where the binary is another one, it is asked: bad settings are its word, and the old one serves on."""
        service = own(pool=1)
        services.copy_binary(service.binary.parent)
        service.file.write_text("pol = 1\n")
        status, said = reload(service)
        assert status == 1 and 'did you mean "pool"' in said
        service.canary()
        service.write(pool=2)
        service.process.send_signal(signal.SIGUSR2)
        wait_for(lambda: "supervisor.replaced" in service.log_text(), 30, "the new binary")
        service.canary()
        assert service.process.pid in audit.processes()
        assert reload(service) == (0, "the settings have not changed\n")

    def test_the_next_one_is_killed_while_it_starts(self, own):
        service = own(pool=1)
        broker = service.broker
        for _ in range(3):
            service.process.send_signal(signal.SIGUSR2)
            (starting,) = wait_for(lambda: [p for p in service.brokers() if p != broker], 20, "the next broker", 0.002)
            os.kill(starting, signal.SIGKILL)
            wait_for(lambda: starting not in service.brokers(), 20, "its end")
            if service.broker != broker:
                pytest.fail("it was ready already")
            service.canary()
        wait_for(lambda: service.log_text().count("reload.failed") == 3, 20, "three lines in the log")


class TestConnections:
    def test_an_idle_one_has_its_next_request_answered(self, own):
        service = own(pool=1)
        with service.raw(post({"code": "print(1)"})) as kept, service.raw() as fresh:
            assert "connection" not in kept.answer()[1]
            assert reload(service, "--binary")[0] == 0
            time.sleep(0.3)
            for connection in (kept, fresh):
                connection.send(post({"code": "print(2)"}))
                status, headers, body = connection.answer()
                assert (status, headers["connection"], json.loads(body)["output"]) == (200, "close", "2\n")
                assert connection.ended()
        wait_for(lambda: is_alone(service), 20, "the end of the old generation")

    def test_what_was_sent_is_answered(self, own):
        """Half a request, and requests one behind the other."""
        service = own(pool=1)
        whole = post({"code": "print(3)"})
        with service.raw(whole[:40]) as half, service.raw(post({"code": "import time; time.sleep(1); print(1)"}) + whole + whole) as three:
            time.sleep(0.3)
            assert reload(service, "--binary")[0] == 0
            half.send(whole[40:])
            status, headers, body = half.answer()
            assert (status, headers["connection"], json.loads(body)["output"]) == (200, "close", "3\n")
            answers = [three.answer() for _ in range(3)]
            assert [json.loads(a[2])["output"] for a in answers] == ["1\n", "3\n", "3\n"]
            assert [a[1].get("connection") for a in answers] == [None, None, "close"]
        wait_for(lambda: is_alone(service), 20, "the end of the old generation")

    def test_stop_answers_what_has_arrived(self, own):
        service = own(pool=1)
        connections = [service.raw(post({"code": "print(1)"})) for _ in range(4)]
        assert all(c.answer()[0] == 200 for c in connections)
        os.kill(service.role_pids()["front"][0], signal.SIGSTOP)
        for connection in connections:
            connection.send(post({"code": "print(2)"}))  # accepted by the kernel, and not read yet
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        os.kill(service.role_pids()["front"][0], signal.SIGCONT)
        assert [json.loads(c.answer()[2])["output"] for c in connections] == ["2\n"] * 4
        assert service.process.wait(20) == 0
        service.close_client()
        service.process = None

    def test_runs_and_the_queue_are_finished(self, own):
        service = own(pool=1, concurrency=2)
        code = {"code": "import time; time.sleep(0.7); print('done')", "timeout": 20}
        connections = [service.raw(post(code)) for _ in range(6)]
        time.sleep(0.3)
        started = service.broker
        assert reload(service, "--binary")[0] == 0
        assert len(service.brokers()) == 2 and service.broker != started
        service.canary()
        assert [json.loads(c.answer()[2])["output"] for c in connections] == ["done\n"] * 6
        wait_for(lambda: is_alone(service), 20, "the end of the old generation")


class TestSupervisor:
    def test_generations_share_no_id(self, own):
        service = own(pool=2, concurrency=4)
        long = [service.raw(post({"code": "import time; time.sleep(60)", "timeout": 60})) for _ in range(3)]
        time.sleep(0.3)
        for _ in range(2):
            assert reload(service, "--binary")[0] == 0
        wait_for(lambda: len(service.brokers()) == 2, 20, "the end of the second one, which had nothing to finish")
        ids = [{uid for pid in audit.tree(broker) for uid in audit.kernel_uids(pid)} - {0} for broker in service.brokers()]
        assert len(ids) == 2 and all(ids) and not ids[0] & ids[1]
        for connection in long:
            connection.close()
        wait_for(lambda: is_alone(service), 20, "the end of the old generation")

    def test_more_reloads_than_generations_can_be(self, own):
        """Each has a run that takes long: one reload has to wait until a place is free."""
        service = own(pool=1)
        held = []
        for _ in range(3):
            held.append(service.raw(post({"code": "import time; time.sleep(60)", "timeout": 60})))
            time.sleep(0.3)
            assert reload(service, "--binary")[0] == 0
        held.append(service.raw(post({"code": "import time; time.sleep(60)", "timeout": 60})))
        assert len(service.brokers()) == 4
        service.process.send_signal(signal.SIGUSR2)
        wait_for(lambda: "reload.waits" in service.log_text(), 20, "the news")
        service.canary()
        held[0].close()
        wait_for(lambda: service.log_text().count("generation.serves") == 5, 20, "the reload")
        for connection in held:
            connection.close()
        wait_for(lambda: is_alone(service), 20, "one generation")

    def test_a_storm_of_signals(self, own):
        service = own(pool=1)
        for n in range(60):
            service.process.send_signal((signal.SIGHUP, signal.SIGUSR2, signal.SIGUSR1, signal.SIGCHLD, signal.SIGPIPE)[n % 5])
            if n % 10 == 0:
                service.canary()
        wait_for(lambda: service.log_text().count("generation.serves") > 1 and is_alone(service), 60, "one generation")
        service.canary()

    def test_stop_while_another_one_starts(self, own):
        for delay in (0, 0.02, 0.1):
            service = own(pool=1)
            service.process.send_signal(signal.SIGUSR2)
            time.sleep(delay)
            assert service.stop() == 0

    def test_only_root_may_ask(self, own):
        service = own(pool=1)
        name = f"\0hatchery/127.0.0.1:{service.port}"
        ask = ("import os, socket, sys\nos.setgid(65534); os.setuid(65534)\ns = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
               f"s.connect({name!r})\ntry: s.send(b'binary'); print(s.recv(100))\nexcept OSError as e: print(e)")
        said = subprocess.run(["/usr/bin/python3", "-c", ask], capture_output=True, text=True).stdout
        assert said in ("b''\n", "[Errno 32] Broken pipe\n", "[Errno 104] Connection reset by peer\n"), said
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as nonsense:
            nonsense.connect(name)
            nonsense.send(b"binary" * 100)
            assert nonsense.recv(100) == b""
        assert "reload.begins" not in service.log_text()

    def test_nobody_to_ask(self):
        done = command("reload", "--listen", f"127.0.0.1:{services.free_port()}")
        assert done.returncode == 1 and b"no service that listens" in done.stderr
