"""A job that the sandbox's trusted part cannot take: the service has failed, not the program. No program can claim it."""

import resource

import pytest

from service import wait_for

JOB = {"code": "print(1)", "files": [{"path": "a/b", "content": "x"}]}


def forbid_files(service):
    """None of the ready sandboxes can open a file any more."""
    wait_for(lambda: service.client.get("/ready").status_code == 200, 20, "a ready sandbox")
    for pid in service.sandboxes():
        try:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (0, 0))
        except ProcessLookupError:
            pass


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson"])
def test_a_500_that_says_which_run(make_service, accept):
    service = make_service(pool=1, concurrency=1)
    forbid_files(service)
    answer = service.post(JOB, headers={"Accept": accept, "X-Request-Id": "not-begun"})
    if accept == "application/json":
        assert answer.status_code == 500
        assert answer.json() == {"detail": "Internal Server Error", "id": "not-begun"}
    else:
        assert '"type":"error"' in answer.text and '"id":"not-begun"' in answer.text and "result" not in answer.text
    wait_for(lambda: "run.not_begun id=not-begun step=" in service.log_text(), 10, "the log's line")
    wait_for(lambda: 'hatchery_runs_total{environment="default",status="failed"} 1' in service.client.get("/metrics").text, 10, "the count")
    assert service.post(JOB).json()["output"] == "1\n", "the next sandbox is a new one"


@pytest.mark.parametrize("status", [120, 121])
def test_a_program_cannot_claim_it(service, status):
    code = f"import os\nfor fd in range(64):\n    try:\n        os.write(fd, b'x' * 72)\n    except OSError:\n        pass\nos._exit({status})"
    answer = service.execute(code)
    assert (answer["status"], answer["exit_code"]) == ("error", status)


def test_a_large_job_that_dies_half_way_is_not_begun_again(make_service):
    """More standard input than memory: one verdict, however often the kernel finds it too much."""
    service = make_service(pool=2, concurrency=2, limit_memory="64M", max_body="128M")
    for _ in range(5):
        answer = service.post({"code": "print(1)", "stdin": "x" * (100 << 20), "timeout": 20}).json()
        assert answer["status"] == "memory_limit", answer
    service.canary()
    wait_for(lambda: service.log_text().count("run.ended") == 6, 10, "a line for each")
    assert service.log_text().count("sandbox.dead") == 0
