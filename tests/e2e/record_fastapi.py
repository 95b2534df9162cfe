"""How fastapi_answers.json was made: what a FastAPI application with pydantic v2 answers to bad and odd bodies.

    pip install fastapi httpx && python tests/e2e/record_fastapi.py > tests/e2e/fastapi_answers.json

Not part of the test run. Rows where the original fails with 500 are left out; test_contract.py has them by hand.
"""

import asyncio
import json
import sys
from pathlib import Path

import httpx
from fastapi import FastAPI

sys.path.insert(0, str(Path(__file__).parent.parent / "conformance"))

import model  # noqa: E402

app = FastAPI()


class Request(model.Request):
    files: model.Files = None


@app.post("/execute")
async def execute(request: Request):
    return {}


JSON = "application/json"
BODIES = {
    "empty body": "",
    "null": "null",
    "array": "[]",
    "array of things": '[1, {"a": null}]',
    "string": '"x"',
    "number": "5",
    "true": "true",
    "empty object": "{}",
    "code null": '{"code":null}',
    "code number": '{"code":5}',
    "code float": '{"code":1.5}',
    "code list": '{"code":[1,"a"]}',
    "code bool": '{"code":true}',
    "code object": '{"code":{"a":1}}',
    "timeout 0": '{"code":"","timeout":0}',
    "timeout -1": '{"code":"","timeout":-1}',
    "timeout -0.5": '{"code":"","timeout":-0.5}',
    "timeout 0.0": '{"code":"","timeout":0.0}',
    "timeout -0": '{"code":"","timeout":-0}',
    "timeout 61": '{"code":"","timeout":61}',
    "timeout 1e9": '{"code":"","timeout":1e9}',
    "timeout 60.5": '{"code":"","timeout":60.5}',
    "timeout large integer": '{"code":"","timeout":9007199254740993}',
    "timeout '5'": '{"code":"","timeout":"5"}',
    "timeout ' 5 '": '{"code":"","timeout":" 5 "}',
    "timeout '+5e0'": '{"code":"","timeout":"+5e0"}',
    "timeout '1_0'": '{"code":"","timeout":"1_0"}',
    "timeout '0x5'": '{"code":"","timeout":"0x5"}',
    "timeout '5s'": '{"code":"","timeout":"5s"}',
    "timeout 'abc'": '{"code":"","timeout":"abc"}',
    "timeout ''": '{"code":"","timeout":""}',
    "timeout ' '": '{"code":"","timeout":" "}',
    "timeout '-1'": '{"code":"","timeout":"-1"}',
    "timeout 'nan'": '{"code":"","timeout":"nan"}',
    "timeout 'inf'": '{"code":"","timeout":"inf"}',
    "timeout true": '{"code":"","timeout":true}',
    "timeout false": '{"code":"","timeout":false}',
    "timeout null": '{"code":"","timeout":null}',
    "timeout list": '{"code":"","timeout":[]}',
    "timeout object": '{"code":"","timeout":{}}',
    "timeout 0.001": '{"code":"","timeout":0.001}',
    "both wrong": '{"code":5,"timeout":"x"}',
    "both wrong, other order": '{"timeout":"x","code":5}',
    "code missing, timeout wrong": '{"timeout":0}',
    "unknown field": '{"code":"","other":1}',
    "missing with others": '{"foo":1}',
    "not json": "hello",
    "truncated": '{"code":',
    "truncated string": '{"code":"abc',
    "single quotes": "{'code':'x'}",
    "trailing garbage": '{"code":""} x',
    "no colon": '{"code" ""}',
    "no comma": '{"code":"" "timeout":1}',
    "control character": '{"code":"a\nb"}',
    "bad escape": '{"code":"\\x41"}',
    "bad unicode escape": '{"code":"\\u12"}',
    "only blanks": "   ",
    "open brace": "{",
    "unterminated array": "[1",
    "comment": '{"code":"" /* no */}',
    "two values": "1 2",
    "bare word": '{"code": nil}',
    "leading zero": '{"code":"","timeout":01}',
    "plus sign": '{"code":"","timeout":+1}',
    "half a number": '{"code":"","timeout":1.}',
    "duplicate keys": '{"code":5,"code":""}',
    "unicode input": '{"code":"","timeout":"é\U0001f600"}',
    "escaped input": '{"code":"","timeout":"\\u00e9\\n\\"\\\\\\u0000"}',
    "offset counts characters": '{"éé": 1, x}',
    "offset counts wide characters": '{"\U0001f600": 1, x}',
    "offset after lines": '{\n "code": "",\n x}',
    "not utf-8": b'{"code":"\xff"}',
    "cut utf-8": b'{"code":"\xe2\x82"}',
    "overlong utf-8": b'{"code":"\xc0\xaf"}',
    "utf-8 byte order mark": b'\xef\xbb\xbf{"code":""}',
}
# Every optional field with every odd value, alone and beside another error.
ODD = [None, True, False, 0, 1, -1, 1.5, 1e300, "", "x", "5", " 5 ", "5.0", "1e3", "0x5", [], {}, [1], ["a"], ["a", 5, None],
       ["a", ["b"], {"c": 1}], ["a\0b"], [[]], [{}], {"a": "b"}, {"a": 1}, {"a": None, "b": [], "c": "d"}, {"": "x"}, {"A=B": "x"},
       {"A": "x\0y"}, {"PYTHONPATH": "x"}, {"A=B": 5, "PYTHON": "\0"}, {"é": "ü"}]
ODD += [[{"path": p, "content": ""}] for p in ("", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "./a", "a\\b", "a\n", "\x7f", "a\0",
                                               "x" * 255, "x" * 256, "é" * 128, "/".join("a" * 16), "/".join("a" * 17), "...", ".a/..b", 5, None)]
ODD += [[{"path": "a", "content_base64": b}] for b in ("", "YQ==", "YWI=", "YWJj", "Y W\nJj", "YQ", "YQ=", "Y===", "=", "YQ==YQ==", "YQ-_", "é", 5, None)]
ODD += [[{"path": "a", "content": "", "content_base64": ""}], [{"path": "a", "content": None, "content_base64": ""}], [{"content": ""}],
        [{"path": "a", "content": ""}, 5, {"path": "../a"}, {"path": "b"}], [{"path": "a", "content": [], "content_base64": "x"}]]
FIELDS = ["stdin", "args", "env", "files"]
LONG = {
    "files": [[{"path": f"f{n}", "content": ""} for n in range(1024)], [{"path": f"f{n}", "content": ""} for n in range(1025)]],
    "args": [["x"] * 256, ["x"] * 257, ["é" * 32767], ["é" * 32768]],
    "env": [{f"V{n}": "" for n in range(256)}, {f"V{n}": "" for n in range(257)}, {"é" * 255: ""}, {"é" * 256: ""}, {"A": "x" * 32768}],
}


def generated():
    for field in FIELDS:
        for n, value in enumerate(ODD):
            yield f"{field} odd {n}", json.dumps({"code": "", field: value})
        for n, value in enumerate(LONG.get(field, [])):
            yield f"{field} long {n}", json.dumps({"code": "", field: value}, ensure_ascii=False)
    for n, value in enumerate(ODD):
        yield f"all odd {n}", json.dumps({field: value for field in reversed(FIELDS)} | {"timeout": value})


TYPES = {
    "text/plain": ("text/plain", '{"code":""}'),
    "form": ("application/x-www-form-urlencoded", "code=x"),
    "vendor json": ("application/vnd.api+json", '{"code":""}'),
    "json with charset": ("application/json; charset=utf-8", '{"code":""}'),
    "json in capitals": ("Application/JSON", '{"code":""}'),
    "not quite json": ("application/jsonx", '{"code":""}'),
}


async def record():
    rows = [(name, JSON, body) for name, body in BODIES.items()]
    rows += [(name, JSON, body) for name, body in generated()]
    rows += [(name, kind, body) for name, (kind, body) in TYPES.items()]
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    answers = []
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        for name, kind, body in rows:
            data = body if isinstance(body, bytes) else body.encode()
            answer = await client.post("/execute", content=data, headers={"content-type": kind})
            if answer.status_code == 500:
                print(f"left out: {name}", file=sys.stderr)
                continue
            row = {"name": name, "content_type": kind, "body_latin1": data.decode("latin-1"), "status": answer.status_code}
            if answer.status_code != 200:
                row["answer"] = answer.json()
            answers.append(row)
    print(json.dumps(answers, indent=1))


if __name__ == "__main__":
    asyncio.run(record())
