"""Web pages: one of another origin cannot use the service, by whatever name it calls it, unless the settings let it."""

import pytest

from service import command, post, wait_for

EVIL = "https://evil.example"
OWN = ["localhost", "localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}", "LOCALHOST.", "10.1.2.3", "[fe80::1]", "hatchery:8000", "a.localhost"]
FOREIGN = ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "localhost.evil.example", "1.2.3", "evil.example.", "localhost@evil.example"]


def ask(service, host=None, method="GET", path="/health", body=None, **headers):
    """(status, headers, body) of a request with exactly these headers."""
    host = service.url.split("//")[1] if host is None else host.format(port=service.port)
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    length = f"Content-Length: {len(body)}\r\n" if body is not None else ""
    with service.raw(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{lines}{length}\r\n".encode() + (body or b"")) as connection:
        return connection.answer(head_only=method == "HEAD")


def run(service, **headers):
    return ask(service, method="POST", path="/execute", body=b'{"code":"print(1)"}', **headers)


@pytest.mark.parametrize("host", OWN)
def test_own_names(service, host):
    assert ask(service, host)[0] == 200


@pytest.mark.parametrize("path, method", [("/health", "GET"), ("/docs", "GET"), ("/execute", "POST"), ("/runs/x", "DELETE"), ("/nothing", "GET")])
@pytest.mark.parametrize("host", FOREIGN)
def test_foreign_names(service, host, path, method):
    status, headers, body = ask(service, host, method, path)
    assert status in (400, 421) and b'"detail"' in body
    assert "access-control-allow-origin" not in headers


def test_configured_names(make_service):
    service = make_service(allowed_hosts="py.example.com, other.example")
    for host in ("py.example.com", "PY.example.com:443", "other.example", "localhost"):
        assert ask(service, host)[0] == 200
    assert ask(service, "sub.py.example.com")[0] == 421
    assert ask(make_service(allowed_hosts="*"), "evil.example")[0] == 200


def test_http_1_0_without_a_host(service):
    with service.raw(b"GET /health HTTP/1.0\r\n\r\n") as connection:
        assert connection.answer()[0] == 200


class TestOrigins:
    """By default no page but the service's own."""

    @pytest.mark.parametrize("origin", [EVIL, "null", "http://localhost.evil.example", "http://localhost:1"])
    def test_foreign_page_runs_nothing(self, service, origin):
        # A blob without a type goes without a Content-Type, and without a preflight.
        status, headers, body = run(service, Origin=origin)
        assert status == 403 and b"cors-origins" in body and "access-control-allow-origin" not in headers
        assert ask(service, method="DELETE", path="/runs/x", Origin=origin)[0] == 403

    def test_foreign_page_gets_no_permission(self, service):
        status, headers, _ = ask(service, method="OPTIONS", path="/execute", Origin=EVIL, Access_Control_Request_Method="POST")
        assert status == 403 and not [name for name in headers if name.startswith("access-control")]
        status, headers, _ = ask(service, Origin=EVIL)
        assert status == 200 and not [name for name in headers if name.startswith("access-control")]

    def test_own_page(self, service):
        own = service.url
        assert run(service, Origin=own)[0] == 200
        assert ask(service, "localhost:{port}", "POST", "/execute", b'{"code":""}', Origin=f"http://localhost:{service.port}")[0] == 200

    def test_no_page_at_all(self, service):
        assert run(service)[0] == 200

    def test_options_that_is_no_preflight(self, service):
        assert ask(service, method="OPTIONS", path="/execute")[0] == 405
        assert ask(service, method="OPTIONS", path="/execute", Origin=service.url)[0] == 405


def test_admitted_origins(make_service):
    service = make_service(cors_origins="https://app.example.com,http://localhost:3000")
    for origin in ("https://app.example.com", "http://localhost:3000"):
        status, headers, _ = ask(service, method="OPTIONS", path="/execute", Origin=origin, Access_Control_Request_Method="POST", Access_Control_Request_Headers="content-type")
        assert (status, headers["access-control-allow-origin"], headers["vary"]) == (204, origin, "origin")
        assert "POST" in headers["access-control-allow-methods"] and "content-type" in headers["access-control-allow-headers"]
        assert int(headers["access-control-max-age"]) > 0
        status, headers, body = run(service, Origin=origin)
        assert (status, headers["access-control-allow-origin"]) == (200, origin) and b'"output":"1\\n"' in body
        assert "x-request-id" in headers["access-control-expose-headers"]
        status, headers, _ = run(service, Origin=origin, Accept="text/event-stream")
        assert (status, headers["access-control-allow-origin"]) == (200, origin)
    for origin in ("http://app.example.com", "https://app.example.com:8443", "https://app.example.com.evil.example", EVIL):
        status, headers, _ = run(service, Origin=origin)
        assert (status, headers["vary"]) == (403, "origin") and "access-control-allow-origin" not in headers
    assert run(service)[1]["vary"] == "origin"


def test_any_origin(make_service):
    service = make_service(cors_origins="*")
    status, headers, _ = run(service, Origin=EVIL)
    assert (status, headers["access-control-allow-origin"]) == (200, EVIL)


@pytest.mark.parametrize("option, value, word", [
    ("--cors-origins", "app.example.com", "origin"),
    ("--cors-origins", "https://a.example/", "origin"),
    ("--cors-origins", "https://a.example,x", '"x"'),
    ("--allowed-hosts", "https://a.example", "name"),
    ("--allowed-hosts", "a.example:80", "name"),
])  # fmt: skip
def test_settings_that_could_not_work(option, value, word):
    done = command("serve", "--check-config", option, value)
    assert done.returncode == 2 and option[2:].encode() in done.stderr and word.encode() in done.stderr


class TestLogs:
    def test_access_log(self, make_service):
        service = make_service(access_log="true")
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        ask(service, path="/health?secret=1", X_Request_Id="first", traceparent=f"00-{trace}-00f067aa0ba902b7-01")
        run(service, X_Request_Id="second", traceparent="00-" + "0" * 32 + "-00f067aa0ba902b7-01")
        ask(service, "evil.example", X_Request_Id="third")
        with service.raw(post({"code": "while True: pass"}, extra=b"X-Request-Id: fourth\r\n")):
            pass
        def line(name):
            return next((text for text in service.log_text().splitlines() if f"front request id={name} " in text), None)

        wait_for(lambda: all(line(name) for name in ("first", "second", "third", "fourth")), 20, "the lines")
        assert f"client=127.0.0.1 method=GET path=/health status=200" in line("first") and f"trace={trace}" in line("first")
        assert "secret" not in service.log_text()
        assert "method=POST path=/execute status=200 took=" in line("second") and "trace=" not in line("second")
        assert "status=421" in line("third") and "status=499" in line("fourth")
        assert service.log_text().count("front request id=second ") == 1

    def test_trace_of_a_run(self, service):
        trace = "0af7651916cd43dd8448eb211c80319c"
        _, headers, _ = run(service, X_Request_Id="traced", traceparent=f"00-{trace}-b7ad6b7169203331-01")
        version, same, span, flags = headers["traceresponse"].split("-")
        assert (version, same, flags) == ("00", trace, "01") and len(span) == 16 and span != "b7ad6b7169203331"

        def ended():  # told after the answer
            return next((text for text in service.log_text().splitlines() if "run.ended id=traced" in text), None)

        assert f"trace={trace} span={span}" in wait_for(ended, 20, "the run's line")

    @pytest.mark.parametrize("header", ["", "00-" + "0" * 32 + "-b7ad6b7169203331-01", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"])
    def test_what_is_no_trace_is_not_given_back(self, service, header):
        _, headers, _ = run(service, traceparent=header)
        assert "traceresponse" not in headers

    def test_none_by_default(self, service):
        ask(service, X_Request_Id="unlogged")
        assert "unlogged" not in service.log_text()
