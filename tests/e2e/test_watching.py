"""What an operator and a load balancer look at: /ready and /metrics."""

import os
import re
import shutil
import signal
import subprocess

import pytest

from service import post, wait_for
from test_streams import chunks, request

HELP = re.compile(r"# HELP (\w+) (.+)")
SAMPLE = re.compile(r'(\w+)(?:\{(.*)\})? (\S+)')


def scrape(service):
    """{'name{labels}': value}"""
    answer = service.client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = {}
    for line in answer.text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = SAMPLE.fullmatch(line).groups()
        key = name + ("{" + labels + "}" if labels else "")
        assert key not in found
        found[key] = float(value)
    return found


def test_promtool(service):
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed (Debian: prometheus)")
    service.canary()
    checked = subprocess.run(["promtool", "check", "metrics"], input=service.client.get("/metrics").content, capture_output=True, timeout=60)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


def test_runs_are_counted(make_service):
    service = make_service(queue=0, concurrency=2, pool=2)
    programs = {
        "ok": ("print(1)", 5),
        "error": ("1/0", 5),
        "timeout": ("while True: pass", 0.1),
        "signal": ("import os; os.abort()", 5),
    }
    before = scrape(service)
    for code, timeout in programs.values():
        wait_for(lambda: service.client.get("/ready").status_code == 200, 20, "a sandbox")
        service.execute(code, timeout)
    after = scrape(service)
    for status in programs:
        name = f'hatchery_runs_total{{environment="default",status="{status}"}}'
        assert after[name] - before[name] == 1
    assert after['hatchery_run_seconds_bucket{le="+Inf"}'] == after["hatchery_run_seconds_count"] == 4
    assert 0.1 <= after["hatchery_run_seconds_sum"] < 20
    assert after['hatchery_run_seconds_bucket{le="0.05"}'] <= 3
    assert after["hatchery_run_queue_seconds_count"] == after["hatchery_run_setup_seconds_count"] == 4
    assert after["hatchery_run_setup_seconds_sum"] > 0
    for name, value in after.items():
        if "_bucket" in name:
            assert value <= after[name.split("_bucket")[0] + "_count"]
    assert after['hatchery_http_responses_total{code="200"}'] >= before['hatchery_http_responses_total{code="200"}'] + 4
    for role in ("broker", "front", "incubator", "zygote"):
        assert after[f'hatchery_process_resident_bytes{{role="{role}"}}'] > 100_000
    assert after["hatchery_sandboxes_quarantined"] == 0


def test_busy_is_seen(make_service):
    service = make_service(concurrency=1, pool=1, queue=1)
    wait_for(lambda: service.client.get("/ready").status_code == 200, 20, "a sandbox")
    assert service.client.get("/ready").json() == {"status": "ready"}
    with service.raw(request({"code": "import time; time.sleep(30)", "timeout": 40})) as first:
        next(chunks(first))
        answer = service.client.get("/ready")
        assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
        assert "as many programs run" in answer.json()["detail"]
        with service.raw(post({"code": ""})):
            wait_for(lambda: scrape(service)["hatchery_runs_waiting"] == 1, 20, "a run that waits")
            assert service.post({"code": ""}).status_code == 503
            seen = scrape(service)
            assert seen["hatchery_runs_running"] == 1
            assert seen['hatchery_rejections_total{reason="queue_full"}'] == 1
            assert seen["hatchery_connections"] >= 3
    wait_for(lambda: service.client.get("/ready").status_code == 200, 20, "the end of the run")
    wait_for(lambda: (s := scrape(service))["hatchery_runs_running"] == 0 and s["hatchery_runs_waiting"] == 0, 20, "an idle service")
    assert scrape(service)['hatchery_runs_total{environment="default",status="cancelled"}'] == 1


def test_restarts_are_seen(make_service):
    service = make_service()
    service.canary()
    assert not any(value for name, value in scrape(service).items() if name.startswith("hatchery_process_restarts_total"))
    for role in ("zygote", "front"):
        os.kill(service.role_pids()[role][0], signal.SIGKILL)
        wait_for(lambda role=role: (pids := service.role_pids().get(role)) and len(pids) == 1, 20, f"a new {role}")
        service.wait_healthy()
        service.canary()
    seen = scrape(service)
    assert [seen[f'hatchery_process_restarts_total{{role="{role}"}}'] for role in ("front", "incubator", "zygote")] == [1, 1, 1]


def test_many_scrapes_at_once_and_some_vanish(service):
    connections = [service.raw(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3) for _ in range(20)]
    for connection in connections[::2]:
        connection.close()
    for connection in connections[1::2]:
        for _ in range(3):
            status, _, body = connection.answer()
            assert status == 200 and b"hatchery_build_info" in body
        connection.close()
    service.canary()


@pytest.mark.parametrize("path", ["/ready", "/metrics"])
def test_methods(service, path):
    wait_for(lambda: service.client.get("/ready").status_code == 200, 20, "a sandbox")
    head = service.client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert service.client.post(path).headers["allow"] == "GET, HEAD"
