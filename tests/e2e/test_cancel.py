"""DELETE /runs/{id} ends a run, and only that; every answer has an id."""

import json
import re

import pytest

from service import post, wait_for
from test_streams import LINES, chunks, parse_lines, request

SPIN = {"code": "import os; os.write(1, b'go\\n')\nwhile True: pass", "timeout": 60}  # one write: it may be cut off between two


def named(body, name):
    return post(body, extra=f"X-Request-Id: {name}\r\n".encode())


def delete(service, name):
    return service.client.delete(f"/runs/{name}")


def running(service, name):
    """Deletes the run as soon as it can be."""
    return wait_for(lambda: (answer := delete(service, name)).status_code == 200 and answer, 20, "the run")


def test_a_stream(service):
    with service.raw(request(SPIN)) as connection:
        stream = chunks(connection)
        text = next(stream)
        name = json.loads(text.splitlines()[0])["id"]
        while b"go" not in text:
            text += next(stream)
        answer = delete(service, name)
        assert (answer.status_code, answer.json()) == (200, {"id": name, "status": "cancelled"})
        events = parse_lines((text + b"".join(stream)).decode())
    result = events[-1][1]
    assert (events[-1][0], result["status"], result["output"], result["exit_code"], result["id"]) == ("result", "cancelled", "go\n", None, name)
    assert delete(service, name).status_code == 404


def test_a_plain_run_by_the_name_its_client_gave(service):
    with service.raw(named(SPIN, "my-run_1.2")) as connection:
        running(service, "my-run_1.2")
        status, headers, body = connection.answer()
    answer = json.loads(body)
    assert (status, headers["x-request-id"], answer["id"], answer["status"]) == (200, "my-run_1.2", "my-run_1.2", "cancelled")
    assert answer["execution_time"] < 20
    service.canary()


def test_one_that_waits(make_service):
    service = make_service(concurrency=1, pool=1)
    with service.raw(request({"code": "import time; time.sleep(30)", "timeout": 40})) as first:
        next(chunks(first))
        with service.raw(named(SPIN, "plain")) as plain, service.raw(request(SPIN).replace(b"Host:", b"X-Request-Id: streamed\r\nHost:")) as streamed:
            running(service, "plain")
            answer = json.loads(plain.answer()[2])
            assert (answer["status"], answer["output"], answer["execution_time"]) == ("cancelled", "", 0)
            running(service, "streamed")
            assert [name for name, _ in parse_lines(streamed.answer()[2].decode())] == ["result"]
    service.canary()


def test_its_client_goes_first(make_service):
    service = make_service(concurrency=1, pool=1)
    with service.raw(request(SPIN).replace(b"Host:", b"X-Request-Id: gone\r\nHost:")) as connection:
        assert any(b"go" in chunk for chunk in chunks(connection))
    wait_for(lambda: "id=gone status=cancelled" in service.log_text(), 20, "the end of the run")
    assert delete(service, "gone").status_code == 404
    service.canary()


def test_two_of_one_name(service):
    with service.raw(named(SPIN, "twice")) as first:
        with service.raw(request(SPIN).replace(b"Host:", b"X-Request-Id: twice\r\nHost:")) as second:
            stream = chunks(second)
            other = json.loads(next(stream).splitlines()[0])["id"]
            running(service, "twice")
            assert json.loads(first.answer()[2])["id"] == "twice"
            assert re.fullmatch("[0-9a-f]{32}", other)
            running(service, other)
            assert b'"status":"cancelled"' in b"".join(stream)


@pytest.mark.parametrize("name", ["x", "0" * 32, "%2e%2e", "%00", "a%20b", "x" * 300])
def test_unknown(service, name):
    answer = delete(service, name)
    assert answer.status_code == 404 and isinstance(answer.json()["detail"], str)


def test_methods(service):
    answer = service.client.get("/runs/x")
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE")
    assert service.client.delete("/runs/").status_code == service.client.delete("/runs").status_code == service.client.delete("/runs/x/").status_code == 404


@pytest.mark.parametrize("path", ["/health", "/nothing", "/docs", "/"])
def test_every_answer_has_an_id(service, path):
    answer = service.client.get(path, headers={"X-Request-Id": "abc"})
    assert answer.headers["x-request-id"] == "abc"
    for name in ("", "a b", "x" * 65, "é".encode(), 'a"b'):
        assert re.fullmatch("[0-9a-f]{32}", service.client.get(path, headers={"X-Request-Id": name}).headers["x-request-id"])
    assert service.client.get(path, headers={"X-Request-Id": "x" * 64}).headers["x-request-id"] == "x" * 64


def sleeping(seconds):
    return {"code": f"import time; time.sleep({seconds})", "timeout": 60}


def pipelined_delete(name):
    return post(b"", path=f"/runs/{name}", method="DELETE")


def test_one_that_waits_is_ended_twice(make_service):
    """The answer that says it is cancelled lets the next request of its connection go on, which is about the same run."""
    service = make_service(concurrency=1, pool=1)
    front = service.role_pids()["front"]
    with service.raw(request(sleeping(30))) as first:
        next(chunks(first))
        with service.raw(named(SPIN, "own") + pipelined_delete("own")) as connection:
            running(service, "own")
            assert json.loads(connection.answer()[2])["status"] == "cancelled"
            assert connection.answer()[0] == 404
        assert b"hatchery_runs_waiting 0\n" in service.client.get("/metrics").content
    service.canary()
    assert service.role_pids()["front"] == front


def test_one_that_has_waited_too_long(make_service):
    """Two have waited as long as they may; the answer to the first lets a request go on that is about the second."""
    service = make_service(concurrency=1, pool=1, max_wait=1)
    for _ in range(5):  # so that runs are known to be short, and waiting for one is not refused at once
        service.canary()
    with service.raw(request(sleeping(30))) as first:
        next(chunks(first))
        with service.raw(named(SPIN, "a") + pipelined_delete("b")) as a, service.raw(named(SPIN, "b")) as b:
            assert a.answer()[0] == 503 and b.answer()[0] == 503
            assert a.answer()[0] == 404
        assert b"hatchery_runs_waiting 0\n" in service.client.get("/metrics").content
    with service.raw(request(sleeping(0.5))) as first:
        next(chunks(first))
        assert service.execute("print(1)")["output"] == "1\n", "a run that waits is found again"


def test_one_that_has_ended(service):
    with service.raw(named(sleeping(0.2), "over") + pipelined_delete("over")) as connection:
        assert json.loads(connection.answer()[2])["status"] == "ok"
        assert connection.answer()[0] == 404
