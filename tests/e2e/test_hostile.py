"""Clients that nobody wants, and one that is served meanwhile. How fast it is served then: bench/hostile.py."""

import subprocess
import sys
from pathlib import Path

import pytest

import audit
from hostile import KINDS
from service import wait_for

SCRIPT = Path(__file__).resolve().parent.parent / "hostile.py"
SECONDS = 4


def sockets(service):
    (front,) = service.role_pids()["front"]
    return sum(name.startswith("socket:") for name in audit.descriptors(front).values())


@pytest.mark.parametrize("kind", KINDS)
def test_others_are_served(service, kind):
    service.canary()
    before = sockets(service)
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
    wait_for(lambda: sockets(service) <= before + 1, 20, "an end of their connections")
    service.canary()
