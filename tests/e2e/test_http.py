"""HTTP itself: framing that must be refused, connections that are kept, deadlines."""

import json
import re
import time

import pytest

from service import post, wait_for

CANARY = post({"code": "print('canary')"})
HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = b'{"code": "print(\'smuggled\')"}'
HEAD = b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

REFUSED = {
    "length with a sign": HEAD + b"Content-Length: +%d\r\n\r\n" % len(BODY) + BODY,
    "length negative": HEAD + b"Content-Length: -1\r\n\r\n" + BODY,
    "length hexadecimal": HEAD + b"Content-Length: 0x5\r\n\r\n" + BODY,
    "length list": HEAD + b"Content-Length: 5, 5\r\n\r\n" + BODY,
    "length twice, different": HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + BODY,
    "length of 2^64": HEAD + b"Content-Length: 18446744073709551616\r\n\r\n" + BODY,
    "length of 2^64+29": HEAD + b"Content-Length: 18446744073709551645\r\n\r\n" + BODY,
    "length empty": HEAD + b"Content-Length: \r\n\r\n" + BODY,
    "length with a space": HEAD + b"Content-Length: 1 0\r\n\r\n" + BODY,
    "length and chunked": HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "unknown transfer coding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "identity coding": HEAD + b"Transfer-Encoding: identity\r\n\r\n",
    "chunked not last": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "space before the colon": HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "space in a name": b"GET /health HTTP/1.1\r\nHost: x\r\nX Y: 1\r\n\r\n",
    "folded line": b"GET /health HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n 2\r\n\r\n",
    "first header folded": b"GET /health HTTP/1.1\r\n Host: x\r\n\r\n",
    "NUL in a value": b"GET /health HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n",
    "NUL in a name": b"GET /health HTTP/1.1\r\nHost: x\r\nX\0A: b\r\n\r\n",
    "carriage return alone": b"GET /health HTTP/1.1\r\nHost: x\r\nX-A: a\rb\r\n\r\n",
    "high byte in a name": b"GET /health HTTP/1.1\r\nHost: x\r\nX-\xff: a\r\n\r\n",
    "empty name": b"GET /health HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n",
    "no colon": b"GET /health HTTP/1.1\r\nHost: x\r\nnothing\r\n\r\n",
    "bad chunk size": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "chunk size with a sign": HEAD + b"Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
    "chunk size too large": HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx\r\n0\r\n\r\n",
    "chunk longer than said": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n",
    "unknown version": b"GET /health HTTP/3.7\r\nHost: x\r\n\r\n",
    "version with a space": b"GET /health HTTP/1.1 \r\nHost: x\r\n\r\n",
    "no version": b"GET /health\r\n\r\n",
    "two spaces": b"GET  /health HTTP/1.1\r\nHost: x\r\n\r\n",
    "space in the path": b"GET /hea lth HTTP/1.1\r\nHost: x\r\n\r\n",
    "unknown method": b"get /health HTTP/1.1\r\nHost: x\r\n\r\n",
    "noise": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 64 + b"\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(service, name):
    """400 (or another 4xx that says more), then the connection ends: nothing that follows is taken for a request."""
    with service.raw(REFUSED[name]) as connection:
        try:
            connection.send(HEALTH)
        except ConnectionError:
            pass
        try:
            answer = connection.answer()
        except ConnectionError:
            answer = None
        if answer is not None:
            status, headers, body = answer
            assert 400 <= status < 500 or status in (501, 505), (status, body)
            if body:
                assert isinstance(json.loads(body)["detail"], str)
            assert connection.ended(), "the connection must end"
    service.canary()


def test_bare_line_feeds(service):
    with service.raw(b"GET /health HTTP/1.1\nHost: x\n\n") as connection:
        try:
            answer = connection.answer()
        except ConnectionError:
            answer = None
    assert answer is None or answer[0] in (400, 505), answer  # llhttp's versions differ in what they find wrong first


@pytest.mark.parametrize(
    "data",
    [
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(10_000)) + b"\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"X" * 200_000 + b": 1\r\n\r\n",
        b"A" * 1_000_000,
    ],
    ids=["path", "value", "count", "name", "method"],
)
def test_head_too_large(service, data):
    with service.raw() as connection:
        try:
            connection.send(data)
            answer = connection.answer()
        except ConnectionError:
            answer = None
        if answer is not None:
            assert answer[0] in (400, 414, 431), answer[0]
            assert connection.ended()
    service.canary()


def test_keep_alive(service):
    with service.raw() as connection:
        for n in range(20):
            connection.send(post({"code": f"print({n})"}))
            status, headers, body = connection.answer()
            assert status == 200 and json.loads(body)["output"] == f"{n}\n"
            assert headers.get("connection", "keep-alive").lower() != "close"


def test_connection_close(service):
    with service.raw(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") as connection:
        status, headers, _ = connection.answer()
        assert status == 200
        assert headers.get("connection", "").lower() == "close"
        assert connection.ended()


def test_http_1_0(service):
    with service.raw(b"GET /health HTTP/1.0\r\n\r\n") as connection:
        assert connection.answer()[0] == 200
        assert connection.ended()


def test_chunked_body(service):
    body = b'{"code": "print(11)"}'
    chunks = b"".join(b"%x;x=y\r\n%c\r\n" % (1, byte) for byte in body)
    with service.raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nX-Trailer: 1\r\n\r\n" + HEALTH) as connection:
        status, _, answer = connection.answer()
        assert status == 200 and json.loads(answer)["output"] == "11\n"
        assert connection.answer()[0] == 200


def test_byte_by_byte(service):
    with service.raw() as connection:
        for byte in post({"code": "print(12)"}):
            connection.send(bytes([byte]))
        assert json.loads(connection.answer()[2])["output"] == "12\n"


def test_pipelined_in_order(service):
    """Slow ones first: the answers come in the order of the requests."""
    requests = b"".join(post({"code": f"import time\ntime.sleep({0.3 - n * 0.03})\nprint({n})"}) + HEALTH for n in range(10))
    with service.raw(requests) as connection:
        for n in range(10):
            assert json.loads(connection.answer()[2])["output"] == f"{n}\n"
            assert connection.answer()[2] == b'{"status":"healthy"}'


def test_many_pipelined(service):
    with service.raw(HEALTH * 1000) as connection:
        for _ in range(1000):
            assert connection.answer()[0] == 200


def test_pipelined_after_an_error(service):
    with service.raw(post(b"{") + post({}) + CANARY) as connection:
        assert connection.answer()[0] == 422
        assert connection.answer()[0] == 422
        assert json.loads(connection.answer()[2])["output"] == "canary\n"


def test_half_closed_client_gets_its_answer(service):
    """A client may end its side after the request, as `nc -N` does; or it is taken for gone. Never half an answer."""
    import socket

    with service.raw(post({"code": "print(13)"})) as connection:
        connection.socket.shutdown(socket.SHUT_WR)
        try:
            answer = connection.answer()
        except ConnectionError:
            answer = None
    assert answer is None or json.loads(answer[2])["output"] == "13\n"
    service.canary()


def test_blank_lines_before_a_request(service):
    with service.raw(b"\r\n\r\n" + HEALTH) as connection:
        assert connection.answer()[0] == 200


def test_absolute_form(service):
    with service.raw(b"GET http://example.org/health HTTP/1.1\r\nHost: x\r\n\r\n") as connection:
        assert connection.answer()[0] in (200, 400, 404)


@pytest.mark.parametrize("method", [b"TRACE", b"CONNECT"])
def test_no_reflection(service, method):
    target = b"x:1" if method == b"CONNECT" else b"/health"
    with service.raw(method + b" " + target + b" HTTP/1.1\r\nHost: x\r\nX-Secret: reflected\r\n\r\n") as connection:
        answer = connection.answer()
    assert answer is None or (400 <= answer[0] < 500 and b"reflected" not in answer[2])


def test_upgrade_is_ignored(service):
    with service.raw(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n") as connection:
        assert connection.answer()[0] in (200, 400)
    service.canary()


def test_slow_head_is_ended(make_service):
    service = make_service(header_timeout=1)
    started = time.monotonic()
    with service.raw(b"GET /health HTTP/1.1\r\n") as connection:
        connection.socket.settimeout(0.3)
        while time.monotonic() - started < 15:
            try:
                connection.send(b"X")  # a byte now and then does not help
                if connection.socket.recv(1000) is not None:
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        else:
            pytest.fail("a head that never ends is waited for")
    assert time.monotonic() - started > 0.5
    service.canary()


def test_nothing_sent_is_ended(make_service):
    service = make_service(header_timeout=1, idle_timeout=1)
    with service.raw() as connection:
        connection.socket.settimeout(15)
        while connection._more():
            pass
    with service.raw(HEALTH) as connection:
        assert connection.answer()[0] == 200
        assert connection.ended(15), "idle connections are ended"


def test_slow_body_is_ended(make_service):
    service = make_service(body_timeout=1)
    started = time.monotonic()
    with service.raw(HEAD + b"Content-Length: 1000\r\n\r\n{") as connection:
        connection.socket.settimeout(0.3)
        while time.monotonic() - started < 15:
            try:
                connection.send(b" ")
                data = connection.socket.recv(10_000)
                assert data == b"" or data.startswith(b"HTTP/1.1 408"), data
                break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        else:
            pytest.fail("a body that never ends is waited for")
    service.canary()


def test_a_long_run_is_no_idle_connection(make_service):
    service = make_service(idle_timeout=0.5, header_timeout=0.5, body_timeout=0.5)
    with service.raw(post({"code": "import time; time.sleep(2); print('done')", "timeout": 20})) as connection:
        assert json.loads(connection.answer()[2])["output"] == "done\n"


def test_many_connections_at_once(service):
    connections = [service.raw(b"GET /health HTTP/1.1\r\n") for _ in range(400)]
    try:
        service.canary()
        for connection in connections:
            connection.send(b"Host: x\r\n\r\n")
        for connection in connections:
            assert connection.answer()[0] == 200
    finally:
        for connection in connections:
            connection.close()


def test_max_connections(make_service):
    service = make_service(max_connections=20)
    connections = [service.raw() for _ in range(60)]
    try:
        for connection in connections:
            try:
                connection.send(HEALTH)
            except ConnectionError:
                pass
        answered = 0
        for connection in connections[:15]:
            connection.socket.settimeout(10)
            if connection.answer():
                answered += 1
        assert answered == 15, "those who came first are served"
    finally:
        for connection in connections:
            connection.close()

    def works():
        try:
            service.canary()
            return True
        except Exception:
            return False

    wait_for(works, 15, "service after too many connections")


def held(service):
    """Bytes of bodies that the front has read."""
    return int(re.search(r"^hatchery_request_body_bytes (\d+)$", service.client.get("/metrics").text, re.M)[1])


def test_all_bodies_together(make_service):
    """What clients send takes a bounded part of the service's memory; small requests are served in any case."""
    service = make_service(body_memory="1M")
    large = post({"code": "print(len('" + "x" * 700_000 + "'))"})
    with service.raw(large[:-10]) as slow:
        wait_for(lambda: held(service) >= 700_000, 10, "most of the body")
        answer = service.client.post("/execute", content=large[large.index(b"{"):])
        assert answer.status_code == 503 and answer.headers["retry-after"]
        service.canary()
        slow.send(large[-10:])
        assert slow.answer()[0] == 200
    wait_for(lambda: held(service) == 0, 10, "nothing held")
    assert service.client.post("/execute", content=large[large.index(b"{"):]).status_code == 200
    with service.raw(large[:-10]):  # and goes away
        wait_for(lambda: held(service) >= 700_000, 10, "most of the body")
    wait_for(lambda: held(service) == 0, 10, "nothing held")
    assert service.client.post("/execute", content=large[large.index(b"{"):]).status_code == 200
