"""Sections 1 to 3 of the API: what a client of the original FastAPI service may rely on."""

import json
import re
from pathlib import Path

import httpx
import jsonschema
import pytest

from service import post

ROWS = json.loads((Path(__file__).parent / "fastapi_answers.json").read_text())


@pytest.fixture(scope="module")
def openapi(hatchery):
    return hatchery.client.get("/openapi.json").json()


def validator(openapi, name="200"):
    schema = openapi["paths"]["/execute"]["post"]["responses"][name]["content"]["application/json"]["schema"]
    return jsonschema.Draft202012Validator(schema | {"components": openapi.get("components", {})})


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_answers_like_fastapi(service, openapi, row):
    answer = service.post(row["body_latin1"].encode("latin-1"), headers={"Content-Type": row["content_type"]})
    if row["status"] == 200:
        # The original only validated here; ours has run the (empty) program. 0.001 s may be too short for it.
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] in ("ok", "timeout")
        validator(openapi).validate(answer.json())
    else:
        assert answer.status_code == row["status"]
        assert answer.headers["content-type"] == "application/json"
        assert answer.json() == row["answer"]
        # the same order of keys, and compact
        assert list(answer.json()) == list(row["answer"])
        if isinstance(row["answer"]["detail"], list):
            assert [list(e) for e in answer.json()["detail"]] == [list(e) for e in row["answer"]["detail"]]
        if row["status"] == 422:
            validator(openapi, "422").validate(answer.json())


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_not_a_finite_timeout(service, text):
    # The original fails with 500 here, because it cannot write such an "input" as JSON.
    answer = service.post(b'{"code":"print(1)","timeout":%s}' % text.encode())
    assert answer.status_code == 422
    (entry,) = answer.json()["detail"]
    assert entry["type"] in ("json_invalid", "less_than_equal", "greater_than", "finite_number")
    assert entry["loc"][0] == "body"
    json.loads(answer.text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


def test_no_content_type_is_json(service):
    with service.raw(b'POST /execute HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{"code": "print(5)"}') as connection:
        status, _, body = connection.answer()
    assert status == 200 and json.loads(body)["output"] == "5\n"


def test_trailing_comma(service):
    # Python 3.13 says it better than its elders; both are the original's.
    answer = service.post(b'{"code":"",}')
    assert answer.status_code == 422
    (entry,) = answer.json()["detail"]
    assert (entry["type"], entry["msg"], entry["input"]) == ("json_invalid", "JSON decode error", {})
    assert entry["ctx"]["error"] in (
        "Expecting property name enclosed in double quotes",
        "Illegal trailing comma before end of object",
    )


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 50_000 + b"]" * 50_000])
def test_nested_too_deeply(service, body):
    answer = service.post(body)
    assert answer.status_code == 400
    assert answer.json() == {"detail": "There was an error parsing the body"}


@pytest.mark.parametrize("value", [b"{}", b"[]", b"1", b'""'])
def test_too_many_values(service, value):
    """Three bytes each, and hundreds when they are read: the service's memory is not the client's to spend."""
    answer = service.post(b'{"code":"print(1)","x":[' + b",".join([value] * 16_383) + b"]}")
    assert answer.status_code == 400
    assert answer.json() == {"detail": "There was an error parsing the body"}
    assert service.post(b'{"code":"print(1)","x":[' + b",".join([value] * 16_381) + b"]}").status_code == 200


def test_many_keys_and_long_numbers(service):
    answer = service.post(b'{"code":"print(1)",' + b",".join(b'"k%d":1' % n for n in range(16_000)) + b"}")
    assert answer.status_code == 200 and answer.json()["output"] == "1\n"
    answer = service.post(b'{"code":"","timeout":' + b"9" * 1_000_000 + b"}")
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize("escape", ["\\ud800", "\\udc00", "a\\ud83dz", "\\udc00\\ud800"])
def test_lone_surrogates(service, escape):
    """A lone surrogate cannot be a source file's text."""
    answer = service.post(b'{"code":"print(1) # %s"}' % escape.encode())
    assert answer.status_code == 422
    (entry,) = answer.json()["detail"]
    assert entry["type"] == "string_unicode"
    assert entry["loc"] == ["body", "code"]


def test_surrogates_as_bytes_are_not_utf8(service):
    answer = service.post(b'{"code":"\xed\xa0\x80"}')
    assert answer.status_code == 400
    assert answer.json() == {"detail": "There was an error parsing the body"}


def test_surrogate_pair_is_a_character(service):
    answer = service.post(b'{"code":"print(ascii(\'\\ud83d\\udc23\'))"}')
    assert answer.json()["output"] == "'\\U0001f423'\n"


# --- odd but good programs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "output"),
    [
        ("", ""),
        ("\n", ""),
        ("print('x')" + " " * (1 << 20), "x\n"),
        ("#" + "x" * ((1 << 20) - 1), ""),
        ("x = '''" + "é" * 400_000 + "'''\nprint(len(x))", "400000\n"),
        ("print('a')\r\nprint('b')\r\n", "a\nb\n"),
        ("\ufeffprint('bom')", "bom\n"),
        ("# -*- coding: latin-1 -*-\nprint(ascii('é'))", "'\\xc3\\xa9'\n"),
        ("print('tab\\there')\n\x0c\nprint('form feed')", "tab\there\nform feed\n"),
    ],
    ids=["0 bytes", "newline", "1 MiB", "1 MiB comment", "wide", "CRLF", "BOM", "cookie", "form feed"],
)
def test_odd_source(service, code, output):
    answer = service.execute(code, timeout=20)
    assert (answer["output"], answer["error"], answer["status"], answer["exit_code"]) == (output, None, "ok", 0)


def test_source_with_nul(service):
    answer = service.execute("print('before')\nx = 'a\0b'\nprint('after')")
    assert answer["status"] in ("ok", "error")
    assert "Traceback" not in answer["output"]


def test_timeout_that_is_too_short_for_anything(service):
    answer = service.execute("while True: pass", timeout=0.001)
    assert answer["status"] == "timeout"
    assert answer["error"].strip() == "Execution timed out after 0.001 seconds"


# --- the 200 answer -------------------------------------------------------------------------------------------

PROGRAMS = {
    "ok": "print('hello')",
    "error": "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)",
    "uncaught": "1 / 0",
    "timeout": "while True: pass",
    "signal": "import os; os.abort()",
    "memory_limit": "l = []\nwhile True: l.append(bytearray(1 << 20))",
    "output_limit": "import os\nwhile True: os.write(1, b'x' * 65536)",
    "processes": "import os, time\nfor _ in range(200):\n    try:\n        if os.fork() == 0: time.sleep(30)\n    except OSError: print('no more'); break",
    "bytes": "import os; os.write(1, bytes(range(256)))",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_answer_fits_the_schema(service, openapi, name):
    answer = service.post({"code": PROGRAMS[name], "timeout": 0.5 if name == "timeout" else 20})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    validator(openapi).validate(body)
    assert answer.headers["x-request-id"] == body["id"]
    assert answer.text == json.dumps(body, ensure_ascii=False, separators=(",", ":")) or len(answer.text) <= len(
        json.dumps(body, ensure_ascii=False)
    ), "compact JSON"


def test_schema_names_every_field(service, openapi):
    body = service.execute("print(1)")
    schema = openapi["paths"]["/execute"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    if "$ref" in schema:
        schema = openapi["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    assert set(body) == set(schema["properties"])
    assert {"output", "error", "execution_time", "status", "limits_hit", "exit_code", "signal", "output_truncated",
            "error_truncated", "usage", "id"} <= set(body)
    assert {"cpu_user", "cpu_system", "wall", "queued", "setup", "memory_peak", "processes_peak", "output_bytes",
            "error_bytes"} <= set(body["usage"])


def test_schema_of_the_request_says_what_is_checked(service, openapi):
    schema = openapi["paths"]["/execute"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    if "$ref" in schema:
        schema = openapi["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    check = jsonschema.Draft202012Validator(schema | {"components": openapi.get("components", {})})
    for good in ({"code": ""}, {"code": "x", "timeout": 5}, {"code": "x", "timeout": 0.5}, {"code": "x", "timeout": None}):
        assert check.is_valid(good)
        assert service.post(good).status_code == 200
    for bad in ({}, {"code": 5}, {"code": "", "timeout": 0}, {"code": "", "timeout": 61}, {"code": "", "timeout": []}, []):
        assert not check.is_valid(bad)
        assert service.post(bad).status_code == 422


def test_ids_are_unique(service):
    ids = [service.execute("")["id"] for _ in range(20)]
    assert len(set(ids)) == 20


# --- everything else ------------------------------------------------------------------------------------------


def test_health(service):
    answer = service.client.get("/health")
    assert (answer.status_code, answer.text) == (200, '{"status":"healthy"}')
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/nope", "/execute/x", "/healthy", "/Health", "/docs/x", "/static/../etc/passwd", "/%2e%2e/etc/passwd", "//health"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_such_path(service, method, path):
    with service.raw(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()) as connection:
        status, headers, body = connection.answer()
    assert status == 404
    assert body == b'{"detail":"Not Found"}'
    assert headers["content-type"] == "application/json"


def test_the_root_is_the_playground(service):
    """Whoever asks: a browser, or curl."""
    for accept in ("text/html,*/*;q=0.8", "*/*", "application/json"):
        answer = service.client.get("/", headers={"Accept": accept})
        assert answer.status_code == 200 and answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "playground.js" in answer.text
    assert "unsafe" not in answer.headers["content-security-policy"] and answer.headers["cache-control"] == "no-cache"
    (script,) = re.findall(r'src="(/playground/playground.js\?[0-9a-f]{8})"', answer.text)
    assert service.client.get(script).headers["cache-control"] == "public, max-age=31536000, immutable"
    for other in (script[:-8] + "00000000", script + "0", script[:-1], script[:-9]):
        assert service.client.get(other).headers["cache-control"] == "public, max-age=3600", other
    again = service.client.get("/", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304 and again.content == b""


def test_without_the_playground_the_root_leads_to_the_documentation(make_service):
    service = make_service(playground="false")
    answer = service.client.get("/")
    assert answer.status_code == 307 and answer.headers["location"] == "/docs"
    for path in ("/playground", "/playground/playground.js", "/playground/"):
        assert service.client.get(path).status_code == 404, path
    assert service.client.get("/docs").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/execute", {"POST"}),
        ("PUT", "/execute", {"POST"}),
        ("DELETE", "/execute", {"POST"}),
        ("PATCH", "/execute", {"POST"}),
        ("OPTIONS", "/execute", {"POST"}),
        ("HEAD", "/execute", {"POST"}),
        ("POST", "/health", {"GET", "HEAD"}),
        ("DELETE", "/health", {"GET", "HEAD"}),
        ("POST", "/openapi.json", {"GET", "HEAD"}),
        ("POST", "/docs", {"GET", "HEAD"}),
        ("PUT", "/redoc", {"GET", "HEAD"}),
        ("POST", "/", {"GET", "HEAD"}),
        ("QUERY", "/execute", {"POST"}),
        ("BREW", "/health", {"GET", "HEAD"}),
        ("DESCRIBE", "/info", {"GET", "HEAD"}),
        ("M-SEARCH", "/runs/x", {"DELETE"}),
    ],
)
def test_wrong_method(service, method, path, allow):
    answer = service.client.request(method, path)
    assert answer.status_code == 405
    assert {word.strip() for word in answer.headers["allow"].split(",")} == allow
    if method != "HEAD":
        assert answer.text == '{"detail":"Method Not Allowed"}'


@pytest.mark.parametrize("path", ["/health", "/openapi.json", "/docs", "/redoc", "/", "/playground/playground.js", "/status", "/status/status.js"])
def test_head_is_get_without_the_body(service, path):
    get = service.client.get(path, headers={"Accept-Encoding": "identity"})
    with service.raw(f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n".encode()) as connection:
        status, headers, _ = connection.answer(head_only=True)
        assert status == get.status_code == 200
        assert headers["content-type"] == get.headers["content-type"]
        assert connection.answer()[2] == b'{"status":"healthy"}', "a HEAD answer has no body"


def test_query_and_fragment_are_no_part_of_the_path(service):
    assert service.client.get("/health?x=1&y=/execute").json() == {"status": "healthy"}
    answer = service.client.post("/execute?timeout=1", json={"code": "print(1)"})
    assert answer.json()["output"] == "1\n"


def test_body_too_large_is_refused_before_it_is_sent(service):
    head = b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 8388609\r\n\r\n"
    with service.raw(head) as connection:
        status, _, body = connection.answer()
    assert status == 413
    assert isinstance(json.loads(body)["detail"], str)


def test_body_too_large_with_expect(service):
    head = b"POST /execute HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n"
    with service.raw(head) as connection:
        assert connection.answer()[0] == 413, "no 100 first"


def test_expect_continue(service):
    body = b'{"code": "print(7)"}'
    head = b"POST /execute HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    with service.raw(head) as connection:
        assert connection.answer()[0] == 100
        connection.send(body)
        status, _, body = connection.answer()
    assert status == 200 and json.loads(body)["output"] == "7\n"


def test_body_too_large_in_chunks(service):
    head = b"POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with service.raw(head) as connection:
        try:
            for _ in range(10):
                connection.send(b"100000\r\n" + b" " * (1 << 20) + b"\r\n")
        except ConnectionError:
            pass  # refused in the middle: just as well
        try:
            answer = connection.answer()
        except ConnectionError:
            answer = None
    assert answer is None or answer[0] == 413
    service.canary()


def test_body_just_within_the_limit(service):
    body = b'{"code":"print(1)"}'
    answer = service.post(body + b" " * ((8 << 20) - len(body)))
    assert answer.status_code == 200 and answer.json()["output"] == "1\n"


def test_errors_say_nothing_of_the_inside(service):
    for answer in (service.post(b"{"), service.post({}), service.client.get("/x"), service.client.put("/execute")):
        text = answer.text + str(answer.headers)
        for word in ("/usr", "/src", "hatchery/", "Traceback", ".c:"):
            assert word not in text


# --- documentation pages --------------------------------------------------------------------------------------


def test_openapi_document(service, openapi):
    assert openapi["openapi"].startswith("3.1")
    assert {"/execute", "/health"} <= set(openapi["paths"])
    assert openapi["info"]["title"] and openapi["info"]["version"]


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/"])
def test_pages_need_no_network(service, path):
    answer = service.client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    references = set(re.findall(r"""(?:src|href)\s*=\s*["']([^"']+)["']""", answer.text))
    assert references, "the page loads something"
    for reference in references:
        if reference.startswith("data:"):
            continue
        assert not re.match(r"(https?:)?//", reference), f"{path} loads {reference}"
        asset = service.client.get(httpx.URL(service.url + path).join(reference))
        assert asset.status_code == 200, reference
        assert len(asset.content) > 0


def test_raw_post_helper_is_right(service):
    with service.raw(post({"code": "print(3)"})) as connection:
        assert json.loads(connection.answer()[2])["output"] == "3\n"
