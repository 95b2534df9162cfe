"""Bad bodies by the hundred, answered by this service and by a FastAPI application of the same model that runs beside it: the same
status and, to the byte, the same errors in the same order. Where they differ on purpose stands in DIFFERENCES, with the reason."""

import asyncio
import json
import os
import random
import re
import sys

import httpx
import pytest

import model

COUNT = int(os.environ.get("HATCHERY_CONFORMANCE_BODIES", "400"))
SEED = int(os.environ.get("HATCHERY_CONFORMANCE_SEED", "1"))

NUMBERS = [0, 1, -1, 5, 60, 61, 1.5, -0.5, 1e300, 1e-300, 0.1, 5.0, 16 << 20, 1023, 1024, 65536, 1 << 40, 9007199254740993, 10**17]
STRINGS = ["", "x", "5", " 5 ", "5.0", "5.5", "1e3", "0x5", "1_0", "_1", "1__0", "+5", "-5", "٥", "nan", "inf", "true", "null", "é", "\U0001f600",
           "a\0b", "\x7f", "a=b", "PYTHONPATH", "/a", "a/../b", "a//b", "*", "**", "[", "YQ==", "YQ", "Y Q==", "default", "Default", "a" * 256, "\ufffd", " ", "\n"]  # fmt: skip
NAMES = ["code", "timeout", "stdin", "args", "env", "environment", "files", "collect", "limits"]
LIMITS = ["cpu_time", "memory", "processes", "output", "workspace", "open_files", "other"]
TEXTS = ["{", "}", "[", "]", ",", ":", '"', "\\", "'", "0", "-", ".", "e", "n", "\\u12", "\\ud83d\\ude00", "\\x", "\n", "\t", "\x01", "/*", "tru", "é", "\U0001f600", " "]


def value(r, depth=0):
    kind = r.randrange(8 if depth < 3 else 5)
    if kind < 2:
        return r.choice(STRINGS)
    if kind < 4:
        return r.choice(NUMBERS)
    if kind == 4:
        return r.choice([None, True, False, [], {}])
    if kind == 5:
        return [value(r, depth + 1) for _ in range(r.randrange(4))]
    return {r.choice(STRINGS + NAMES): value(r, depth + 1) for _ in range(r.randrange(4))}


def file(r):
    whole = {"path": r.choice(["a", "b/c", "main.py/x", "..", value(r)]), "content": value(r), "content_base64": value(r), "mode": 1}
    return {name: whole[name] for name in r.sample(list(whole), r.randrange(5))} if r.random() < 0.9 else value(r)


def field(r, name):
    if r.random() < 0.4:
        return value(r)
    if name == "files":
        return [file(r) for _ in range(r.randrange(4))]
    if name == "limits":
        return {limit: value(r) for limit in r.sample(LIMITS, r.randrange(4))}
    if name == "env":
        return {r.choice(STRINGS): value(r) for _ in range(r.randrange(4))}
    if name in ("args", "collect"):
        return [value(r) for _ in range(r.randrange(4))]
    if name == "timeout":
        return r.choice(NUMBERS + STRINGS)
    return r.choice(STRINGS)


def body(r):
    names = r.sample(NAMES, r.randrange(1, 6))
    whole = {name: field(r, name) for name in names}
    if r.random() < 0.7:
        whole["code"] = ""
    text = json.dumps(whole if r.random() < 0.95 else value(r), ensure_ascii=r.random() < 0.5)
    for _ in range(r.choice([0, 0, 0, 1, 2])):
        where = r.randrange(len(text) + 1)
        text = text[:where] + r.choice(TEXTS) + text[where + r.randrange(2) :]
    return text.encode("utf-8", "surrogatepass")


def entries(answer):
    detail = answer[1].get("detail")
    return detail if isinstance(detail, list) else []


def texts(found):
    if isinstance(found, str):
        yield found
    elif isinstance(found, dict):
        for key, inner in found.items():
            yield key
            yield from texts(inner)
    elif isinstance(found, list):
        for inner in found:
            yield from texts(inner)


def has_key(found, wrong):
    if isinstance(found, dict):
        return any(wrong(key) or has_key(inner, wrong) for key, inner in found.items())
    return isinstance(found, list) and any(has_key(inner, wrong) for inner in found)


def parsed(data):
    try:
        return json.loads(data)
    except ValueError:
        return None


# (why, whether it is that: of the body, our answer, theirs)
DIFFERENCES = [
    ("a number out of a double's range, NaN and Infinity are no JSON; theirs fails with 500 when it echoes them",
     lambda data, ours, theirs: ours[0] == 422 and [e["type"] for e in entries(ours)] == ["json_invalid"] and entries(ours)[0]["ctx"]["error"] in ("Number out of range", "Expecting value")
     and re.search(rb"NaN|Infinity|\de\+?\d{3}|\d{300}", data)),
    ("a lone surrogate cannot be written to a file; theirs takes it, or fails with 500 when it echoes it",
     lambda data, ours, theirs: b"\\ud" in data.lower() and "string_unicode" in {e["type"] for e in entries(ours)} | {e["type"] for e in entries(theirs)} | ({"string_unicode"} if theirs[0] == 500 else set())),
    ("in the echo of a name a NUL stands as U+FFFD",
     lambda data, ours, theirs: b"\\u0000" in data and has_key(parsed(data), lambda key: "\0" in key)),
    ("files are also checked together: two in one place, in a file, main.py, more than fits",
     lambda data, ours, theirs: theirs[0] == 200 and ours[0] == 422 and all(e["loc"][1] == "files" and e["type"] == "value_error" for e in entries(ours))),
    ("from Python 3.13 on a trailing comma has words of its own",
     lambda data, ours, theirs: sys.version_info >= (3, 13) and "Illegal trailing comma" in str(theirs[1])),
    ("an integer of more than 18 digits is echoed as a float",
     lambda data, ours, theirs: re.search(rb"\d{19}", data) and ours[0] == theirs[0] and [e["type"] for e in entries(ours)] == [e["type"] for e in entries(theirs)]),
]  # fmt: skip


def explain(data, ours, theirs):
    return next((why for why, fits in DIFFERENCES if fits(data, ours, theirs)), None)


async def ask(app, bodies):
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        return [await client.post("/execute", content=data, headers={"content-type": "application/json"}) for data in bodies]


def content(answer):
    return answer.json() if answer.headers.get("content-type") == "application/json" and answer.status_code != 200 else {}


def test_the_same_answers(service):
    randomness = random.Random(SEED)
    bodies = [body(randomness) for _ in range(COUNT)]
    info = service.client.get("/info").json()
    bad, explained = [], {}
    for data, theirs in zip(bodies, asyncio.run(ask(model.application(info), bodies))):
        ours = service.post(data)
        a, b = (ours.status_code, content(ours)), (theirs.status_code, content(theirs))
        if a[0] == b[0] and (a[0] == 200 or ours.text == theirs.text):
            continue
        why = explain(data, a, b)
        if why is None:
            bad.append((data, ours.text[:1500] if a[0] != 200 else 200, theirs.text[:1500]))
        else:
            explained[why] = explained.get(why, 0) + 1
    print(f"seed {SEED}: {COUNT} bodies, {sum(explained.values())} known differences")
    assert not bad, f"{len(bad)} of {COUNT}, the first:\n{bad[0][0].decode(errors='replace')}\nours:   {bad[0][1]}\ntheirs: {bad[0][2]}"
    assert sum(explained.values()) < COUNT / 4, f"most of it is explained away: {explained}"


@pytest.mark.parametrize("data", [b'{"code":"","timeout":NaN}', b'{"code":"\\ud800"}', b'{"code":"","env":{"a\\u0000":5}}'])
def test_differences_are_real(service, data):
    """What stands in the list is there: or the entry can go."""
    info = service.client.get("/info").json()
    ours, (theirs,) = service.post(data), asyncio.run(ask(model.application(info), [data]))
    assert ours.text != theirs.text and explain(data, (ours.status_code, content(ours)), (theirs.status_code, content(theirs)))
