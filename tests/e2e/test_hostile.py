"""Clients that nobody wants, and one that is served meanwhile. How fast it is served then: bench/hostile.py."""

import subprocess
import sys
from pathlib import Path

import pytest

from hostile import KINDS
from service import wait_for

SCRIPT = Path(__file__).resolve().parent.parent / "hostile.py"
SECONDS = 4


LISTENING = "0A"


def connections(service):
    """Sockets of its port that it still holds: the kernel's own, on their way out, have no inode."""
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table][1:]
    return sum(row[1].endswith(f":{service.port:04X}") and row[3] != LISTENING and row[9] != "0" for row in rows)


@pytest.mark.parametrize("kind", KINDS)
def test_others_are_served(service, kind):
    service.canary()
    before = connections(service)
    hostile = subprocess.Popen([sys.executable, SCRIPT, kind, str(service.port), str(SECONDS)], stdout=subprocess.PIPE)
    try:
        assert b"clients" in hostile.stdout.readline()
        served = 0
        while hostile.poll() is None:
            service.canary()
            assert service.client.get("/health").status_code == 200
            served += 1
        assert served > 0
    finally:
        hostile.kill()
        hostile.wait()
    wait_for(lambda: connections(service) <= before, 20, "an end of their connections")
    service.canary()
