"""Where a request ends. Each case is what some server once misread: what comes of it must be the same however it arrives, and
nothing behind a refused request is ever taken for another."""

import random
import socket
import time

import pytest

from service import wait_for

POST = b"POST /execute HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
LAST = GET + b"Connection: close\r\n\r\n"
BODY = b'{"code":"print(\'x\')"}'
LENGTH = b"%d" % len(BODY)
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
SMUGGLED = b"DELETE /runs/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"  # a 404, if it is ever read as a request


def chunk(data, size=None, extension=b"", end=b"\r\n"):
    return (size or b"%x" % len(data)) + extension + b"\r\n" + data + end


def with_length(value, body=BODY):
    return POST + b"Content-Length: " + value + b"\r\n\r\n" + body


def with_header(line, body=SMUGGLED):
    return GET + line + b"\r\n\r\n" + body


# What is read as requests: the answers' statuses, before that of the last one.
ACCEPTED = {
    "length with leading zeros": (with_length(b"000" + LENGTH), [200]),
    "length between white space": (with_length(b"  " + LENGTH + b"  "), [200]),
    "chunk sizes in capitals": (CHUNKED + chunk(BODY, b"%X" % len(BODY)) + END, [200]),
    "chunk size with leading zeros": (CHUNKED + chunk(BODY, b"000000%x" % len(BODY)) + END, [200]),
    "many zeros end the chunks": (CHUNKED + chunk(BODY) + b"00000\r\n\r\n", [200]),
    "chunk extensions": (CHUNKED + chunk(BODY, extension=b';a=b') + b"0;e\r\n\r\n", [200]),
    "a chunk for each byte": (CHUNKED + b"".join(chunk(BODY[i : i + 1]) for i in range(len(BODY))) + END, [200]),
    "coding in capitals": (POST + b"Transfer-Encoding: CHUNKED\r\n\r\n" + chunk(BODY) + END, [200]),
    "a length as a trailer": (CHUNKED + chunk(BODY) + b"0\r\nContent-Length: 5\r\n\r\n", [200]),
    "a host as a trailer": (CHUNKED + chunk(BODY) + b"0\r\nHost: evil\r\n\r\n", [200]),
    "a GET with a body": (GET + b"Content-Length: 4\r\n\r\nGET ", [200]),
    "a GET with chunks": (GET + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(SMUGGLED) + END, [200]),
    "a body that looks like a request": (with_length(b"%d" % len(SMUGGLED), SMUGGLED), [422]),
    "a method nobody has": (b"FROB /execute HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", [405]),
    "an upgrade with a body": (with_header(b"Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 4", b"GET "), [200]),
    "blank lines between requests": (GET + b"\r\n\r\n\r\n" + GET + b"\r\n", [200, 200]),
    "another protocol's preface in the body": (with_length(b"24", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), [422]),
    "a value of odd bytes": (GET + b"X-A: \xff\xfe\t\"'\\\r\n\r\n", [200]),
    "an empty value": (GET + b"X-A:\r\nX-B:    \r\n\r\n", [200]),
    "a fragment and a query": (b"GET /health?a=/../b#c HTTP/1.1\r\nHost: localhost\r\n\r\n", [200]),
    "an encoded path": (b"GET /%68ealth HTTP/1.1\r\nHost: localhost\r\n\r\n", [200]),
    "an encoded NUL": (b"GET /health%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", [404]),
    "dots in the path": (b"GET /x/../health HTTP/1.1\r\nHost: localhost\r\n\r\n", [404]),
    "encoded dots": (b"GET /%2e%2e/health HTTP/1.1\r\nHost: localhost\r\n\r\n", [404]),
    "two slashes": (b"GET //health HTTP/1.1\r\nHost: localhost\r\n\r\n", [404]),
}

REFUSED = {
    # the length
    "length with a plus": with_length(b"+" + LENGTH),
    "length with a minus": with_length(b"-0"),
    "length with an underscore": with_length(b"2_1"),
    "length in hexadecimal": with_length(b"0x15"),
    "length with an exponent": with_length(b"2e1"),
    "length with a point": with_length(LENGTH + b".0"),
    "length as a list": with_length(LENGTH + b"," + LENGTH),
    "length in two words": with_length(b"2 1"),
    "length with a semicolon": with_length(LENGTH + b";"),
    "length in quotes": with_length(b'"' + LENGTH + b'"'),
    "length with a vertical tab": with_length(b"\x0b" + LENGTH),
    "length with a NUL": with_length(LENGTH + b"\0"),
    "length in wide digits": with_length("２１".encode()),
    "length of nothing": with_length(b""),
    "length beyond 64 bits": with_length(b"18446744073709551637"),
    "length of 2^63": with_length(b"9223372036854775808"),
    "the same length twice": with_length(LENGTH + b"\r\nContent-Length: " + LENGTH),
    "two lengths": with_length(b"0\r\nContent-Length: " + LENGTH),
    "a length behind an odd line": with_length(LENGTH + b"\r\nContent-Length\x00: 0"),
    "space before the length's colon": POST + b"Content-Length : 0\r\n\r\n" + SMUGGLED,
    "tab before the length's colon": POST + b"Content-Length\t: 0\r\n\r\n" + SMUGGLED,
    "space before the length": GET + b" Content-Length: 0\r\n\r\n" + SMUGGLED,
    # length and chunks
    "length, then chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + END + SMUGGLED,
    "chunks, then length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + END + SMUGGLED,
    "length 0 and chunks": POST + b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n" + END + SMUGGLED,
    "chunks and a folded length": POST + b"Transfer-Encoding: chunked\r\nContent-Length:\r\n 5\r\n\r\n" + END,
    # the coding
    "coding twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + END,
    "coding and identity": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + END,
    "identity and coding": POST + b"Transfer-Encoding: identity, chunked\r\n\r\n" + END,
    "coding not last": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n" + END,
    "coding doubled": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + END,
    "coding run together": POST + b"Transfer-Encoding: chunkedchunked\r\n\r\n" + END,
    "coding with a parameter": POST + b"Transfer-Encoding: chunked;a=b\r\n\r\n" + END,
    "coding in quotes": POST + b'Transfer-Encoding: "chunked"\r\n\r\n' + END,
    "coding behind a comma": POST + b"Transfer-Encoding: ,chunked\r\n\r\n" + END,
    "coding behind a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + END,
    "coding before a form feed": POST + b"Transfer-Encoding: chunked\x0c\r\n\r\n" + END,
    "coding before a NUL": POST + b"Transfer-Encoding: chunked\0\r\n\r\n" + END,
    "coding on a folded line": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + END,
    "coding behind a lone CR": POST + b"X-A: b\rTransfer-Encoding: chunked\r\n\r\n" + END,
    "coding behind an empty name": POST + b"X-A:\r: b\r\nTransfer-Encoding: chunked\r\n\r\n" + END,
    "space before the coding's colon": POST + b"Transfer-Encoding : chunked\r\n\r\n" + END,
    "no coding at all": POST + b"Transfer-Encoding:\r\n\r\n" + END,
    "coding in HTTP/1.0": b"POST /execute HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(BODY) + END,
    # chunks
    "chunk size with a plus": CHUNKED + b"+" + chunk(BODY) + END,
    "chunk size with a minus": CHUNKED + b"-1\r\n\r\n",
    "chunk size in 0x": CHUNKED + b"0x" + chunk(BODY) + END,
    "chunk size with an underscore": CHUNKED + chunk(BODY, b"1_5") + END,
    "chunk size behind a space": CHUNKED + b" " + chunk(BODY) + END,
    "chunk size before a tab": CHUNKED + chunk(BODY, extension=b"\t") + END,
    "chunk size of nothing": CHUNKED + b"\r\n" + BODY + b"\r\n" + END,
    "chunk size of only an extension": CHUNKED + b";a\r\n" + BODY + b"\r\n" + END,
    "chunk size beyond 64 bits": CHUNKED + chunk(BODY, b"f0000000000000015") + END,
    "chunk size that wraps": CHUNKED + chunk(BODY, b"10000000000000015") + END,
    "chunk size of 2^64 - 1": CHUNKED + chunk(BODY, b"ffffffffffffffff") + END,
    "chunk size ended by LF": CHUNKED + b"15\n" + BODY + b"\r\n" + END,
    "chunk size ended by CR": CHUNKED + b"15\r" + BODY + b"\r\n" + END,
    "chunk extension with LF": CHUNKED + b"15;a\nb\r\n" + BODY + b"\r\n" + END,
    "chunk extension with CR": CHUNKED + b"15;a\rb\r\n" + BODY + b"\r\n" + END,
    "chunk extension with NUL": CHUNKED + b"15;a=\0\r\n" + BODY + b"\r\n" + END,
    "chunk extension without an end": CHUNKED + b"15;" + b"a" * 5000 + b"\r\n" + BODY + b"\r\n" + END,
    "chunk ended by LF": CHUNKED + chunk(BODY, end=b"\n") + END,
    "chunk ended by two other bytes": CHUNKED + chunk(BODY, end=b"XX") + END,
    "chunk longer than it says": CHUNKED + chunk(BODY, b"5") + END,
    "last chunk ended by LF": CHUNKED + chunk(BODY) + b"0\n\n" + SMUGGLED,
    "last chunk ended by half a line": CHUNKED + chunk(BODY) + b"0\r\n\n" + SMUGGLED,
    "trailer with LF": CHUNKED + chunk(BODY) + b"0\r\nX-A: b\n\r\n" + SMUGGLED,
    "trailer that is folded": CHUNKED + chunk(BODY) + b"0\r\nX-A: b\r\n c\r\n\r\n" + SMUGGLED,
    "a coding as a trailer": CHUNKED + chunk(BODY) + b"0\r\nTransfer-Encoding: identity\r\n\r\n" + SMUGGLED,
    "trailer without a name": CHUNKED + chunk(BODY) + b"0\r\n: b\r\n\r\n" + SMUGGLED,
    # lines
    "LF alone": GET.replace(b"\r\n", b"\n") + b"\n" + SMUGGLED,
    "LF behind the request line": GET.replace(b"\r\n", b"\n", 1) + b"\r\n" + SMUGGLED,
    "LF behind a header": GET + b"X-A: b\nX-C: d\r\n\r\n" + SMUGGLED,
    "LF behind the head": GET + b"\n" + SMUGGLED,
    "CR alone": GET.replace(b"\r\n", b"\r") + b"\r" + SMUGGLED,
    "CR in a value": with_header(b"X-A: b\rX-C: d"),
    "CR CR LF": with_header(b"X-A: b\r"),
    "NUL in a value": with_header(b"X-A: b\0c"),
    "NUL in a name": with_header(b"X\0A: b"),
    "control character in a value": with_header(b"X-A: \x01"),
    "DEL in a value": with_header(b"X-A: \x7f"),
    "high byte in a name": with_header(b"X-\xe9: b"),
    "no name": with_header(b": b"),
    "no colon": with_header(b"nothing"),
    "brackets in a name": with_header(b"X[A]: b"),
    "quotes in a name": with_header(b'"X": b'),
    "a folded value": with_header(b"X-A: b\r\n\tc"),
    "a first line that is folded": b"GET /health HTTP/1.1\r\n Host: localhost\r\n\r\n" + SMUGGLED,
    "LF before the request": b"\n" + GET + b"\r\n",
    "NUL before the request": b"\0" + GET + b"\r\n",
    # the request line
    "no host": b"GET /health HTTP/1.1\r\n\r\n" + SMUGGLED,
    "two hosts": with_header(b"Host: localhost"),
    "a host with a path": b"GET /health HTTP/1.1\r\nHost: localhost/x\r\n\r\n" + SMUGGLED,
    "a host with a space": b"GET /health HTTP/1.1\r\nHost: local host\r\n\r\n" + SMUGGLED,
    "a user in the host": b"GET /health HTTP/1.1\r\nHost: a@localhost\r\n\r\n" + SMUGGLED,
    "absolute form": b"GET http://localhost/health HTTP/1.1\r\nHost: localhost\r\n\r\n" + SMUGGLED,
    "absolute form of another host": b"GET http://evil/health HTTP/1.1\r\nHost: localhost\r\n\r\n" + SMUGGLED,
    "authority form": b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n" + SMUGGLED,
    "asterisk form": b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n" + SMUGGLED,
    "no target": b"GET  HTTP/1.1\r\nHost: localhost\r\n\r\n" + SMUGGLED,
    "two spaces": b"GET /health  HTTP/1.1\r\nHost: localhost\r\n\r\n" + SMUGGLED,
    "a tab": b"GET\t/health HTTP/1.1\r\nHost: localhost\r\n\r\n" + SMUGGLED,
    "a target with a space": b"GET /hea lth HTTP/1.1\r\nHost: localhost\r\n\r\n" + SMUGGLED,
    "a target with a NUL": b"GET /health\0 HTTP/1.1\r\nHost: localhost\r\n\r\n" + SMUGGLED,
    "a target with a high byte": b"GET /health\xff HTTP/1.1\r\nHost: localhost\r\n\r\n" + SMUGGLED,
    "no version": b"GET /health\r\nHost: localhost\r\n\r\n" + SMUGGLED,
    "another protocol": b"GET /health ICY/1.1\r\nHost: localhost\r\n\r\n" + SMUGGLED,
    "version in small letters": b"GET /health http/1.1\r\nHost: localhost\r\n\r\n" + SMUGGLED,
    "version of three digits": b"GET /health HTTP/1.10\r\nHost: localhost\r\n\r\n" + SMUGGLED,
    "version behind a zero": b"GET /health HTTP/01.1\r\nHost: localhost\r\n\r\n" + SMUGGLED,
    "version 1.2": b"GET /health HTTP/1.2\r\nHost: localhost\r\n\r\n" + SMUGGLED,
    "version 2.0": b"GET /health HTTP/2.0\r\nHost: localhost\r\n\r\n" + SMUGGLED,
    "space behind the version": b"GET /health HTTP/1.1 \r\nHost: localhost\r\n\r\n" + SMUGGLED,
    "method in small letters": b"get /health HTTP/1.1\r\nHost: localhost\r\n\r\n" + SMUGGLED,
    "method with a control character": b"GE\x01T /health HTTP/1.1\r\nHost: localhost\r\n\r\n" + SMUGGLED,
    "method of 40 letters": b"G" * 40 + b" /health HTTP/1.1\r\nHost: localhost\r\n\r\n" + SMUGGLED,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0",
    "TLS": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(range(160)),
}
CASES = {name: (data, statuses) for name, (data, statuses) in ACCEPTED.items()} | {name: (data, None) for name, data in REFUSED.items()}


def outcome(service, pieces, pause=0):
    """The statuses of all answers until the connection ends."""
    statuses = []
    with service.raw() as connection:
        try:
            for piece in pieces:
                connection.send(piece)
                time.sleep(pause)
            while (answer := connection.answer()) is not None:
                statuses.append(answer[0])
        except ConnectionError:
            pass
    return statuses


def cuts(data, count, seed):
    places = sorted({0, len(data)} | {random.Random(seed).randrange(len(data)) for _ in range(count)})
    return [data[a:b] for a, b in zip(places, places[1:])]


@pytest.mark.parametrize("name", CASES)
def test_case(service, name):
    data, statuses = CASES[name]
    data += LAST
    whole = outcome(service, [data])
    if statuses is not None:
        assert whole == [*statuses, 200]
    else:
        assert len(whole) == 1 and (400 <= whole[0] < 500 or whole[0] in (501, 505)), whole
    assert outcome(service, [data[i : i + 1] for i in range(len(data))] if len(data) < 1000 else cuts(data, 50, 0)) == whole, "byte by byte"
    for seed in range(3):
        assert outcome(service, cuts(data, 2, f"{name} {seed}"), pause=0.002) == whole, f"cut {seed}"


def test_nothing_was_smuggled_and_all_is_well(service):
    """After all of it: no connection is left, and a run is a run."""
    service.canary()

    def connections():
        text = service.client.get("/metrics").text
        return int(next(line for line in text.splitlines() if line.startswith("hatchery_connections ")).split()[1])

    wait_for(lambda: connections() == 1, 20, "every other connection is gone")


def test_random_bytes(service):
    """Noise, and requests with bytes changed at random: an answer or the end, never silence, and the service stays well."""
    randomness = random.Random(7)
    for n in range(150):
        data = bytearray(randomness.choice([GET + b"\r\n", with_length(LENGTH), CHUNKED + chunk(BODY) + END, randomness.randbytes(80)]))
        for _ in range(randomness.randrange(1, 4)):
            where = randomness.randrange(len(data))
            data[where : where + randomness.randrange(2)] = randomness.choice([b"", b"\0", b"\n", b"\r", b" ", b":", b"\xff", b"0", b"\r\n\r\n"])
        with service.raw(bytes(data)) as connection:
            connection.socket.shutdown(socket.SHUT_WR)
            connection.socket.settimeout(20)
            try:
                while connection._more():
                    pass
            except ConnectionError:
                pass
    service.canary()
