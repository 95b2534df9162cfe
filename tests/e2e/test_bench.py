"""`hatchery bench` counts what it is answered: by the service, and by one that answers anything."""

import json
import socket
import threading

import pytest

from service import command

GOOD = b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n"Hello, World!"'


def bench(url, *options, input=b""):
    done = command("bench", "--json", "--seconds", "0.5", *options, url, input=input)
    return done.returncode, json.loads(done.stdout), done.stderr


def test_a_service_is_measured(service):
    status, found, _ = bench(service.url + "/execute", "--clients", "4")
    assert status == 0 and found["runs"] > 4 and found["clients"] == 4, found
    assert (found["refused"], found["wrong"], found["broken"]) == (0, 0, 0)
    assert 0 < found["p50"] <= found["p90"] <= found["p99"] <= found["max"] <= found["seconds"]
    assert found["per_second"] == pytest.approx(found["runs"] / found["seconds"], rel=0.01)


def test_clients_rest(service):
    status, found, _ = bench(service.url + "/execute", "--clients", "2", "--rest", "0.2")
    assert status == 0 and 2 <= found["runs"] <= 6, found


def test_a_body_of_ones_own(service):
    body = json.dumps({"code": "print('x' * 200000, 6 * 7)"}).encode()
    assert bench(service.url + "/execute", "--body", "-", input=body)[0] == 0
    status, found, _ = bench(service.url + "/execute", "--body", "-", "--expect", '"output":"42', input=b'{"code": "print(6 * 7)"}')
    assert status == 0 and found["wrong"] == 0
    status, found, _ = bench(service.url + "/execute", "--body", "-", "--expect", '"output":"43', input=b'{"code": "print(6 * 7)"}')
    assert status == 1 and found["runs"] == 0 and found["wrong"] > 0


@pytest.fixture
def answering():
    """Answers each request with what it is told; where that is no whole answer, the connection ends with it."""
    listener = socket.create_server(("127.0.0.1", 0))
    answer = [b""]

    def serve(connection):
        with connection:
            try:
                while data := connection.recv(1 << 16):
                    assert data.startswith(b"POST /any HTTP/1.1\r\n") and b"\r\nX-One: more\r\n" in data
                    connection.sendall(answer[0])
                    if b"Content-Length" not in answer[0] or b"close" in answer[0] or not answer[0].endswith(b'!"'):
                        return
            except OSError:
                pass

    def accept():
        try:
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
        except OSError:
            pass

    threading.Thread(target=accept, daemon=True).start()

    def ask(text):
        answer[0] = text
        return bench(f"http://127.0.0.1:{listener.getsockname()[1]}/any", "--clients", "2", "--header", "X-One: more")

    yield ask
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.mark.parametrize(
    "answer, kind",
    [
        (GOOD, "runs"),
        (GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), "runs"),
        (GOOD.replace(b"200", b"503"), "refused"),
        (GOOD.replace(b"200", b"429"), "refused"),
        (GOOD.replace(b"200", b"500"), "wrong"),
        (GOOD.replace(b"World", b"Earth"), "wrong"),
        (GOOD[:-1], "broken"),
        (GOOD.replace(b"Content-Length: 15", b"X: y"), "broken"),
        (b"", "broken"),
        (b"x" * 100000, "broken"),
    ],
    ids=["good", "good, closes", "503", "429", "500", "other text", "cut off", "without length", "nothing", "no head"],
)
def test_every_answer_is_counted_as_what_it_is(answering, answer, kind):
    status, found, _ = answering(answer)
    assert found[kind] > 2
    assert [found[other] for other in ("runs", "refused", "wrong", "broken") if other != kind] == [0, 0, 0]
    assert status == (0 if kind == "runs" else 1)


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    done = command("bench", f"http://127.0.0.1:{port}")
    assert done.returncode == 1 and b"cannot connect: Connection refused" in done.stderr
