"""Whoever reads the log is slow, stopped or gone, or there is no room for it: the service goes on, and says what was lost."""

import fcntl
import os
import re
import signal
import socket
import subprocess
import threading
import time

import httpx
import pytest

import service as services
from service import environment, free_port, wait_for

F_SETPIPE_SZ = 1031


class Logged(services.Service):
    """A service whose standard error is `sink`, a descriptor."""

    def __init__(self, folder, sink, **settings):
        self.sink = sink
        super().__init__(folder=folder, **settings)

    def start(self):
        self.port = free_port()
        self.process = subprocess.Popen(self.arguments(), stdin=subprocess.DEVNULL, stdout=self.sink, stderr=self.sink, cwd="/", env=environment(),
                                        start_new_session=True)
        self.client = httpx.Client(base_url=self.url, timeout=10, trust_env=False)
        self.contract = None
        self.wait_healthy()

    def log_text(self):
        return ""


def pipe():
    read, write = os.pipe()
    fcntl.fcntl(write, F_SETPIPE_SZ, 8192)
    return read, write


def stream():
    """As systemd's journal gives it."""
    one, other = socket.socketpair()
    other.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return one.detach(), other.detach()


def read_all(fd, text, over):
    os.set_blocking(fd, False)
    while not over.is_set():
        try:
            data = os.read(fd, 1 << 16)
            if not data:
                return
            text.append(data)
        except BlockingIOError:
            time.sleep(0.005)


def load(service, seconds=1.5):
    """Every request leaves two lines."""
    end, count, slowest = time.monotonic() + seconds, 0, 0
    while time.monotonic() < end or count < 100:
        began = time.monotonic()
        service.canary()
        slowest = max(slowest, time.monotonic() - began)
        count += 1
    return count, slowest


@pytest.mark.parametrize("make", [pipe, stream])
def test_a_reader_that_does_not_read(tmp_path, make):
    """Nothing waits for it, a reload included; when it reads again, it learns how much it has missed."""
    read, write = make()
    text, over = [], threading.Event()
    reader = threading.Thread(target=read_all, args=(read, text, over))
    service = Logged(tmp_path, write, pool=2, access_log="true")
    try:
        before = service.role_pids()
        load(service)
        os.kill(service.role_pids()["zygote"][0], signal.SIGKILL)  # the broker has something to say
        load(service)
        assert service.role_pids()["front"] == before["front"] and service.role_pids()["broker"] == before["broker"]
        assert services.command("reload", "--binary", "--listen", f"127.0.0.1:{service.port}").returncode == 0
        load(service, 0)
        reader.start()
        wait_for(lambda: service.canary() or b"log.lost lines=" in b"".join(text), 20, "the count of what was lost")
        wait_for(lambda: service.canary() or b"".join(text).count(b"event") + b"".join(text).count(b"run.ended") > 10, 20, "lines")
        assert max(int(n) for n in re.findall(rb"log.lost lines=(\d+)", b"".join(text))) > 20
        assert service.stop() == 0
    finally:
        service.kill()
        over.set()
        os.close(write)
        if reader.ident is not None:
            reader.join()
        os.close(read)


def serves_and_stops(service):
    """As if all were well: under load, and none of its processes dies."""
    before = service.role_pids()
    load(service)
    assert service.role_pids() == before
    assert service.stop() == 0


@pytest.mark.parametrize("make", [pipe, stream])
def test_a_reader_that_is_gone(tmp_path, make):
    read, write = make()
    service = Logged(tmp_path, write, pool=2, access_log="true")
    try:
        os.close(write)
        os.close(read)
        serves_and_stops(service)
    finally:
        service.kill()


def test_a_reader_that_is_slow_misses_nothing(tmp_path):
    """It is waited for: a pipe of two pages, read every few milliseconds."""
    read, write = pipe()
    text, over = [], threading.Event()
    reader = threading.Thread(target=read_all, args=(read, text, over))
    reader.start()
    service = Logged(tmp_path, write, pool=2)
    try:
        count, _ = load(service)
        assert service.stop() == 0
    finally:
        service.kill()
        over.set()
        os.close(write)
        reader.join()
        os.close(read)
    lines = b"".join(text)
    assert lines.count(b"run.ended") == count and b"log.lost" not in lines


def test_a_full_disk(tmp_path):
    """/dev/full: as of a log file on a disk without room."""
    with open("/dev/full", "w") as full:
        service = Logged(tmp_path, full.fileno(), pool=2, access_log="true")
        try:
            serves_and_stops(service)
        finally:
            service.kill()
