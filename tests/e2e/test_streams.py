"""Streamed answers: what the program prints arrives as it prints it, and no client can make that cost memory."""

import json
import os
import signal
import socket
import time

import httpx
import jsonschema
import pytest

import audit
from service import BINARY, Raw, post, wait_for

EVENTS, LINES = "text/event-stream", "application/x-ndjson"
SANITIZED = BINARY.exists() and b"__asan_init" in BINARY.read_bytes()
FLOOD = {"code": "import os\nfor _ in range(1600): os.write(1, b'x' * 65536)", "timeout": 60}


def parse_events(text):
    """[(type, data)] of server-sent events; comments as ("heartbeat", None)."""
    events = []
    for block in text.split("\n\n")[:-1]:
        lines = block.split("\n")
        if lines[0].startswith(":"):
            events.append(("heartbeat", None))
            continue
        assert len(lines) == 2 and lines[0].startswith("event: ") and lines[1].startswith("data: "), block
        events.append((lines[0][7:], json.loads(lines[1][6:])))
    return events


def parse_lines(text):
    assert text.endswith("\n")
    events = []
    for line in text[:-1].split("\n"):
        event = json.loads(line)
        events.append((event.pop("type"), event or None))
    return events


PARSERS = {EVENTS: parse_events, LINES: parse_lines}


def streamed(service, code, accept=LINES, timeout=20):
    answer = service.post({"code": code, "timeout": timeout}, headers={"Accept": accept})
    assert answer.status_code == 200 and answer.headers["content-type"] == accept, answer.text
    return PARSERS[accept](answer.text)


def text_of(events, kind):
    return "".join(data["text"] for name, data in events if name == kind)


def joined(events):
    """The events without heartbeats, pieces of the same stream in a row as one."""
    found = []
    for name, data in events:
        if name in ("stdout", "stderr") and found and found[-1][0] == name:
            found[-1] = (name, found[-1][1] + data["text"])
        elif name != "heartbeat":
            found.append((name, data["text"] if name in ("stdout", "stderr") else data))
    return found


def request(body, accept=LINES, version=b"1.1"):
    return post(body, extra=f"Accept: {accept}\r\n".encode()).replace(b"HTTP/1.1", b"HTTP/" + version, 1)


def chunks(connection):
    """The chunks of one streamed answer, as they come."""
    while b"\r\n\r\n" not in connection.buffer:
        assert connection._more()
    head, connection.buffer = connection.buffer.split(b"\r\n\r\n", 1)
    assert b"transfer-encoding: chunked" in head
    while True:
        while b"\r\n" not in connection.buffer:
            assert connection._more(), "the connection ended inside a stream"
        size, connection.buffer = connection.buffer.split(b"\r\n", 1)
        size = int(size, 16)
        while len(connection.buffer) < size + 2:
            assert connection._more(), "the connection ended inside a chunk"
        chunk, connection.buffer = connection.buffer[:size], connection.buffer[size + 2 :]
        if size == 0:
            return
        yield chunk


def narrow(service, body, receive=4096):
    """A client with a small receive buffer that has sent a request for a stream and reads nothing."""
    connection = Raw.__new__(Raw)
    connection.socket, connection.buffer = socket.socket(), b""
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    connection.socket.settimeout(60)
    connection.socket.connect(("127.0.0.1", service.port))
    connection.send(request(body))
    return connection


def front_of(service):
    return service.role_pids()["front"][0]


@pytest.mark.parametrize("accept", [EVENTS, LINES])
class TestShape:
    def test_events(self, service, accept):
        code = "import sys, time\nprint('one')\ntime.sleep(0.2)\nprint('two', file=sys.stderr)\ntime.sleep(0.2)\nprint('three')\nsys.exit(3)"
        events = joined(streamed(service, code, accept))
        assert events[1:-1] == [("stdout", "one\n"), ("stderr", "two\n"), ("stdout", "three\n")]
        assert (events[0][0], events[-1][0]) == ("started", "result")
        result = events[-1][1]
        assert (result["output"], result["error"], result["status"], result["exit_code"]) == ("one\nthree\n", "two\n", "error", 3)
        assert events[0][1] == {"id": result["id"]}

    def test_result_is_the_ordinary_answer(self, service, accept):
        openapi = service.client.get("/openapi.json").json()
        content = openapi["paths"]["/execute"]["post"]["responses"]["200"]["content"]
        assert set(content) == {"application/json", EVENTS, LINES}
        schema = content["application/json"]["schema"] | {"components": openapi["components"]}
        plain = service.execute("print(1)\n1/0")
        result = streamed(service, "print(1)\n1/0", accept)[-1][1]
        jsonschema.Draft202012Validator(schema).validate(result)
        assert list(result) == list(plain)
        assert result["error"] == plain["error"]

    def test_nothing_printed(self, service, accept):
        assert [name for name, _ in streamed(service, "", accept)] == ["started", "result"]

    def test_headers(self, service, accept):
        answer = service.post({"code": ""}, headers={"Accept": accept})
        assert answer.headers["transfer-encoding"] == "chunked" and "content-length" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-request-id"] == PARSERS[accept](answer.text)[0][1]["id"]

    def test_characters_stay_whole(self, service, accept):
        code = "import os, time\nfor b in 'aé€😀'.encode() * 3:\n    os.write(1, bytes([b])); time.sleep(0.01)"
        events = streamed(service, code, accept)
        assert text_of(events, "stdout") == "aé€😀" * 3 == events[-1][1]["output"]

    def test_bytes_that_are_no_text(self, service, accept):
        data = bytes(range(256)) + b"\xf0\x9f" + b"\n\n: \r\rdata: {}\r\n\0\x1b" + b"\xe2\x82"
        code = f"import os, time\nfor b in {data!r}:\n    os.write(1, bytes([b]))\n    if b % 16 == 0: time.sleep(0.002)"
        events = streamed(service, code, accept)
        assert text_of(events, "stdout") == data.decode("utf-8", "replace") == events[-1][1]["output"]

    def test_timeout(self, service, accept):
        events = streamed(service, "print('before', flush=True)\nwhile True: pass", accept, timeout=0.3)
        assert text_of(events, "stdout") == "before\n"
        assert events[-1][1]["status"] == "timeout" and "timed out" in events[-1][1]["error"]


def test_output_comes_while_the_program_runs(service):
    """It would print for ever; the client has seen the first lines and goes."""
    with service.raw(request({"code": "import time\nwhile True:\n    print('tick')\n    time.sleep(0.05)", "timeout": 60}, EVENTS)) as connection:
        seen = 0
        for chunk in chunks(connection):
            seen += chunk.count(b"tick")
            if seen >= 3:
                break
    service.canary()


def test_much_output(service):
    """All of it arrives, though an answer that is not streamed would keep 1 MiB."""
    code = "import sys\nfor n in range(100_000): sys.stdout.write(f'{n:099d}\\n' if n % 2 else f'{n:0999d}\\n')"
    events = streamed(service, code, timeout=60)
    assert text_of(events, "stdout") == "".join(f"{n:099d}\n" if n % 2 else f"{n:0999d}\n" for n in range(100_000))
    result = events[-1][1]
    assert result["status"] == "ok" and result["output_truncated"] and result["usage"]["output_bytes"] == 55_000_000


def test_both_streams_at_once(service):
    code = "import os, threading\ndef w(fd):\n    for _ in range(200): os.write(fd, b'%d' % fd * 10000)\n" \
           "t = [threading.Thread(target=w, args=(fd,)) for fd in (1, 2)]\n[x.start() for x in t]; [x.join() for x in t]"
    events = streamed(service, code)
    assert text_of(events, "stdout") == "1" * 2_000_000 and text_of(events, "stderr") == "2" * 2_000_000


@pytest.mark.parametrize("accept, kind", [
    ("application/json", "application/json"),
    ("*/*", "application/json"),
    ("text/html", "application/json"),
    ("text/event-stream, */*", EVENTS),
    ("*/*, text/event-stream", EVENTS),
    ("application/json, text/event-stream", "application/json"),
    ("text/event-stream;q=0.5, application/x-ndjson;q=0.9", LINES),
    ("TEXT/Event-Stream", EVENTS),
    ("text/event-stream; q=0", "application/json"),
    ("text/event-streams", "application/json"),
])  # fmt: skip
def test_accept(service, accept, kind):
    assert service.post({"code": ""}, headers={"Accept": accept}).headers["content-type"] == kind


def test_heartbeats(make_service):
    service = make_service(heartbeat=0.1)
    for accept in (EVENTS, LINES):
        events = streamed(service, "import time; time.sleep(1.5)", accept)
        assert [name for name, _ in events].count("heartbeat") >= 3
        assert (events[0][0], events[-1][0]) == ("started", "result")


def test_refusals_are_ordinary_answers(make_service):
    service = make_service(concurrency=1, pool=1, queue=0)
    assert service.post({"code": 1}, headers={"Accept": EVENTS}).status_code == 422
    wait_for(lambda: service.post({"code": ""}).status_code == 200, 20, "a sandbox")
    with service.raw(request({"code": "import time; time.sleep(5)", "timeout": 20})) as first:
        next(chunks(first))
        refused = service.post({"code": ""}, headers={"Accept": EVENTS})
        assert refused.status_code == 503 and refused.headers["content-type"] == "application/json"
        assert int(refused.headers["retry-after"]) >= 1


def test_connection_goes_on_after_a_stream(service):
    with service.raw(request({"code": "print(1)"}) + post({"code": "print(2)"}) + request({"code": "print(3)"})) as connection:
        first, second, third = (connection.answer() for _ in range(3))
    assert parse_lines(first[2].decode())[-1][1]["output"] == "1\n"
    assert json.loads(second[2])["output"] == "2\n"
    assert parse_lines(third[2].decode())[-1][1]["output"] == "3\n"


def test_http_1_0(service):
    with service.raw(request({"code": "print(1)"}, version=b"1.0")) as connection:
        while connection._more():
            pass
        head, body = connection.buffer.split(b"\r\n\r\n", 1)
    assert b"transfer-encoding" not in head and b"connection: close" in head
    assert parse_lines(body.decode())[-1][1]["output"] == "1\n"


class TestHostileReaders:
    def test_who_does_not_read_stops_the_program(self, make_service):
        """Back-pressure: what is not read is not printed, and the deadline ends the run all the same."""
        service = make_service(concurrency=2, pool=2)
        service.canary()
        streamed(service, FLOOD["code"])  # what a stream needs once
        before = audit.resident(front_of(service))
        with narrow(service, FLOOD | {"timeout": 3}) as connection:
            time.sleep(1)
            service.canary()  # it holds up nobody else
            grown = audit.resident(front_of(service)) - before
            events = parse_lines(b"".join(chunks(connection)).decode()) if wait_for(lambda: "status=timeout" in service.log_text(), 20) else None
        result = events[-1][1]
        assert result["status"] == "timeout"
        assert result["usage"]["output_bytes"] < 64 << 20
        assert len(text_of(events, "stdout")) == result["usage"]["output_bytes"], "nothing is lost"
        if not SANITIZED:
            assert grown < 8 << 20, f"the front grew by {grown} bytes"

    def test_slow_reader_gets_everything(self, make_service):
        service = make_service(concurrency=2, pool=2)
        streamed(service, FLOOD["code"])
        before, most, got = audit.resident(front_of(service)), 0, 0
        with narrow(service, FLOOD, 65536) as connection:
            for n, chunk in enumerate(chunks(connection)):
                if n % 100 == 0:
                    most = max(most, audit.resident(front_of(service)) - before)
                    time.sleep(0.01)
                for line in chunk.splitlines():
                    event = json.loads(line)
                    got += len(event["text"]) if event["type"] == "stdout" else 0
        assert (event["type"], event["status"]) == ("result", "ok")
        assert got == 1600 * 65536
        if not SANITIZED:
            assert most < 8 << 20, f"the front grew by {most} bytes"

    @pytest.mark.parametrize("paused", [False, True], ids=["reading", "behind"])
    @pytest.mark.parametrize("reset", [False, True], ids=["close", "reset"])
    def test_who_vanishes_ends_the_run(self, make_service, paused, reset):
        service = make_service(concurrency=1, pool=1)
        code = FLOOD["code"].replace("range(1600)", "iter(int, 1)") if paused else "print('go')\nwhile True: pass"
        connection = narrow(service, {"code": code, "timeout": 60})
        wait_for(lambda: b"stdout" in connection.socket.recv(4096), 20, "output")
        if paused:
            time.sleep(0.3)
        if reset:
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
        wait_for(lambda: "status=cancelled" in service.log_text(), 20, "the end of the run")
        service.canary()

    def test_who_vanishes_at_every_moment(self, make_service):
        service = make_service(concurrency=2, pool=2)
        code = "import os\nfor _ in range(40): os.write(1, b'x' * 10000); os.write(2, b'y' * 10000)"
        for n in range(60):
            connection = narrow(service, {"code": code, "timeout": 20})
            time.sleep(n / 5000)
            connection.close()
        service.canary()
        assert service.running() and len(service.role_pids()["front"]) == 1
        assert "front.lost" not in service.log_text()

    def test_idle_streams_are_small(self, make_service):
        count = 100
        service = make_service(concurrency=count, pool=8)
        with narrow(service, {"code": "", "timeout": 1}) as connection:
            list(chunks(connection))
        before = audit.resident(front_of(service))
        idle = [narrow(service, {"code": "import time; time.sleep(60)", "timeout": 60}) for _ in range(count)]
        for connection in idle:
            assert next(chunks(connection)).startswith(b'{"type":"started"')
        grown = audit.resident(front_of(service)) - before
        for connection in idle:
            connection.close()
        if not SANITIZED:
            assert grown < count * (64 << 10), f"{grown / count} bytes each"

    def test_pipelined_behind_a_stream(self, service):
        """What a client sends meanwhile waits in bounded space."""
        with service.raw(request({"code": "import time; time.sleep(1); print('x')", "timeout": 20})) as connection:
            connection.send(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)
            assert parse_lines(connection.answer()[2].decode())[-1][1]["output"] == "x\n"
            assert all(connection.answer()[0] == 200 for _ in range(1000))


def test_stop_lets_a_stream_finish(make_service):
    service = make_service()
    with service.raw(request({"code": "import time\nprint(1)\ntime.sleep(1)\nprint(2)", "timeout": 20})) as connection:
        stream = chunks(connection)
        first = next(stream)
        service.process.send_signal(signal.SIGTERM)
        events = parse_lines((first + b"".join(stream)).decode())
        assert events[-1][1]["output"] == "1\n2\n"
        assert connection.ended()
    service.process.wait(20)
    service.process = None
    service.close_client()


def test_front_that_dies_leaves_no_stream_that_looks_whole(make_service):
    service = make_service()
    with service.raw(request({"code": "import time\nprint(1)\ntime.sleep(20)", "timeout": 20})) as connection:
        assert b"started" in next(chunks(connection))
        os.kill(front_of(service), signal.SIGKILL)
        assert not connection.socket.recv(1 << 20).endswith(b"0\r\n\r\n")
    service.wait_healthy()


def test_many_streams(service):
    def read(n):
        with httpx.Client(timeout=60, trust_env=False) as client:
            code = f"import sys\nfor i in range(50): print('{n}', i); print('e{n}', i, file=sys.stderr)"
            answer = client.post(service.url + "/execute", json={"code": code, "timeout": 30}, headers={"Accept": LINES})
            events = parse_lines(answer.text)
            assert text_of(events, "stdout") == "".join(f"{n} {i}\n" for i in range(50)) == events[-1][1]["output"]
            assert text_of(events, "stderr") == "".join(f"e{n} {i}\n" for i in range(50)) == events[-1][1]["error"]

    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(read, range(60)))
