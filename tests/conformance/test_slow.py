"""Clients that are slow on purpose (slowhttptest), while a real one is served. Each attack is bounded in time and connections."""

import shutil
import subprocess
import time

import httpx
import pytest

SECONDS = 4
ATTACKS = {
    "slow heads": ["-H", "-i", "1"],
    "slow bodies": ["-B", "-i", "1", "-s", "8000", "-t", "POST"],
    "slow reads": ["-X", "-w", "512", "-y", "1024", "-n", "1", "-z", "32", "-k", "3"],
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_real_client_is_served(make_service, attack):
    if not shutil.which("slowhttptest"):
        pytest.skip("slowhttptest is not installed: tools/deps.sh ci")
    service = make_service(pool=4, header_timeout=2, body_timeout=2, max_connections=400)
    path = {"slow bodies": "/execute", "slow reads": "/openapi.json"}.get(attack, "/health")
    command = ["slowhttptest", *ATTACKS[attack], "-c", "300", "-r", "300", "-l", str(SECONDS), "-u", f"http://127.0.0.1:{service.port}{path}"]
    attacker = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=service.folder)
    served = 0
    try:
        while attacker.poll() is None:
            with httpx.Client(base_url=service.url, timeout=20, trust_env=False) as client:  # a new connection each time
                answer = client.post("/execute", json={"code": "print(6 * 7)", "timeout": 20})
                assert answer.status_code == 200 and answer.json()["output"] == "42\n", answer.text
                assert client.get("/health").status_code == 200
            served += 1
            time.sleep(0.02)
    finally:
        attacker.kill()
        attacker.wait()
    assert served >= 10, "the attack was over at once"
    service.canary()
