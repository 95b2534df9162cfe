"""Files into a run: what is written where, what is refused, and how each refusal names its place."""

import base64
import hashlib
import json
import string

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

LISTING = (
    "import json, os\n"
    "found = {}\n"
    "for folder, _, names in os.walk('.'):\n"
    "    for name in names:\n"
    "        path = os.path.relpath(os.path.join(folder, name))\n"
    "        if path != 'main.py':\n"
    "            found[path] = open(path, 'rb').read().hex()\n"
    "print(json.dumps(found))\n"
)


def run(service, code, **fields):
    answer = service.post({"code": code, **fields})
    assert answer.status_code == 200, answer.text[:500]
    return answer.json()


def refused(service, files):
    answer = service.post({"code": "print(1)", "files": files})
    assert answer.status_code == 422, answer.text[:500]
    (entry,) = answer.json()["detail"]
    return entry


def text(path, content=""):
    return {"path": path, "content": content}


def test_own_modules_packages_and_data(service):
    files = [
        text("helper.py", "from package import inner\nname = __file__\n"),
        text("package/__init__.py"),
        text("package/inner.py", "import json, pathlib\nvalue = json.loads(pathlib.Path('data/deep/x.json').read_text())\n"),
        text("data/deep/x.json", '{"é": 1}'),
    ]
    answer = run(service, "import helper\nprint(helper.inner.value, helper.name)", files=files)
    assert answer["output"] == "{'é': 1} /sandbox/helper.py\n", answer


def test_bytes(service):
    every = bytes(range(256)) * 3
    wrapped = base64.encodebytes(every).decode()
    files = [{"path": "a", "content_base64": base64.b64encode(every).decode()}, {"path": "b", "content_base64": wrapped}, {"path": "c", "content_base64": ""}]
    answer = run(service, LISTING, files=files)
    assert json.loads(answer["output"]) == {"a": every.hex(), "b": every.hex(), "c": ""}


def test_files_are_the_programs_own(service):
    code = (
        "import os\nfor path in ('a/b/c', 'a/b', 'a'):\n    st = os.stat(path)\n    print(oct(st.st_mode), st.st_uid, st.st_nlink if path == 'a/b/c' else '')\n"
        "open('a/b/c', 'a').write('+')\nprint(open('a/b/c').read())\nos.remove('a/b/c')\nos.rmdir('a/b')"
    )
    assert run(service, code, files=[text("a/b/c", "x")])["output"] == "0o100644 1000 1\n0o40755 1000 \n0o40755 1000 \nx+\n"


def test_files_come_with_everything_else(service):
    code = "import os, sys\nprint(open(sys.argv[1]).read() + input() + os.environ['X'])"
    assert run(service, code, files=[text("f", "file ")], args=["f"], stdin="in ", env={"X": "env"})["output"] == "file in env\n"


def test_the_next_run_does_not_see_them(service):
    for _ in range(20):
        run(service, "", files=[text("secret"), text("folder/secret")])
        assert run(service, "import os; print(os.listdir())")["output"] == "['main.py']\n"


@pytest.mark.parametrize(
    ("paths", "index", "words"),
    [
        (["main.py"], 0, "main.py is the program"),
        (["main.py/x"], 0, "main.py is the program"),
        (["a", "b", "a"], None, 'two files "a"'),
        (["a/b", "a"], 0, '"a" is a file'),
        (["x", "a", "a/b/c", "a0", "a-"], 2, '"a" is a file'),
        (["é/x", "é"], 0, '"é" is a file'),
    ],
)
def test_two_in_one_place(service, paths, index, words):
    entry = refused(service, [text(path) for path in paths])
    assert entry["type"] == "value_error" and words in entry["msg"]
    assert entry["loc"][:2] == ["body", "files"] and entry["loc"][3] == "path"
    assert entry["input"] == paths[entry["loc"][2]]
    if index is not None:
        assert entry["loc"][2] == index


@pytest.mark.parametrize("paths", [["a", "a-/b"], ["A", "a"], ["main.pyc", "main/x", "Main.py", "x/main.py"], ["a.b/c", "a/b", "a-b/c"]])
def test_near_but_not_the_same(service, paths):
    answer = run(service, LISTING, files=[text(path) for path in paths])
    assert sorted(json.loads(answer["output"])) == sorted(paths)


def test_more_than_the_working_folder_holds(make_service):
    service = make_service(limit_workspace="1M", limit_files=64)
    entry = refused(service, [text("a", "x" * 600_000), text("b", "x" * 600_000)])
    assert entry["loc"] == ["body", "files"] and "1048576" in entry["msg"]
    run(service, "", files=[text("a", "x" * 500_000), text("b", "x" * 500_000)])
    entry = refused(service, [text(f"{n}/f") for n in range(40)])
    assert entry["loc"] == ["body", "files"] and "room for 64" in entry["msg"]
    answer = run(service, LISTING, files=[text(f"{n}/f") for n in range(31)])
    assert len(json.loads(answer["output"])) == 31
    answer = run(service, LISTING, files=[text(f"d/{n}") for n in range(61)])
    assert len(json.loads(answer["output"])) == 61


def test_large_files(make_service):
    service = make_service(max_body="64M")
    data = bytes(range(251)) * 40_000
    code = "import hashlib; print(hashlib.sha256(open('data', 'rb').read()).hexdigest())"
    answer = run(service, code, files=[{"path": "data", "content_base64": base64.b64encode(data).decode()}])
    assert answer["output"] == hashlib.sha256(data).hexdigest() + "\n"


# --- any names, any contents -----------------------------------------------------------------------------------------

odd = st.sampled_from(["/", "//", ".", "..", "\\", "\0", "\n", "\x7f", "a", "main.py", " ", "é", "\U0001f600", "\u202e", "-", "~", "$", "*"])
any_path = st.lists(odd | st.text(max_size=4), max_size=6).map("".join)
good_part = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"), min_size=1, max_size=20).filter(lambda s: s not in (".", ".."))
good_path = st.lists(good_part, min_size=1, max_size=5).map("/".join)
contents = st.binary(max_size=300)


def may_be(path):
    parts = path.split("/")
    control = set(map(chr, range(32))) | {"\x7f", "\\"}
    return len(parts) <= 16 and all(0 < len(p.encode()) <= 255 and p not in (".", "..") and not control & set(p) for p in parts)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(any_path)
def test_any_path(service, path):
    """Refused, with its place, or exactly where it says: never anywhere else."""
    body = {"code": LISTING, "files": [text(path, "x")]}
    answer = service.post(body)
    if may_be(path) and path.split("/")[0] != "main.py":
        assert answer.status_code == 200 and json.loads(answer.json()["output"]) == {path: "78"}
    else:
        assert answer.status_code == 422 and answer.json()["detail"][0]["loc"] == ["body", "files", 0, "path"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(good_path, contents, max_size=8))
def test_any_files(service, files):
    folders = {path[:i] for path in files for i, c in enumerate(path) if c == "/"}
    clash = folders & set(files) or any(path == "main.py" or path.startswith("main.py/") for path in files)
    sent = [{"path": path, "content_base64": base64.b64encode(content).decode()} for path, content in files.items()]
    answer = service.post({"code": LISTING, "files": sent})
    if clash:
        assert answer.status_code == 422
    else:
        assert json.loads(answer.json()["output"]) == {path: content.hex() for path, content in files.items()}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(string.ascii_letters + string.digits + "+/=-_ \n\té", max_size=12) | st.binary(max_size=9).map(lambda b: base64.b64encode(b).decode()))
def test_any_base64(service, text):
    digits = "".join(c for c in text if c not in " \t\r\n")
    try:
        data = base64.b64decode(digits, validate=True)
    except ValueError:
        data = None
    if len(digits) % 4 or digits.count("=") > 2:  # Python lets some of these through
        data = None
    answer = service.post({"code": LISTING, "files": [{"path": "f", "content_base64": text}]})
    if data is None:
        assert answer.status_code == 422 and answer.json()["detail"][0]["loc"] == ["body", "files", 0, "content_base64"], (text, answer.text)
    else:
        assert json.loads(answer.json()["output"]) == {"f": data.hex()}


def test_the_schema_says_the_same(service):
    """What the OpenAPI document calls an input file is one, and nothing else is."""
    document = service.client.get("/openapi.json").json()
    schema = document["components"]["schemas"]["InputFile"] | {"components": document["components"]}
    for file in (
        [{"path": p, "content": ""} for p in ("a", "a/b", "...", "é", ".a", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a\\b", "a\nb", "", "/".join("a" * 16), "/".join("a" * 17))]
        + [{"path": "a", "content_base64": b} for b in ("", "YQ==", "Y W\nJj", "Y===", "YQ-_")]
        + [{"path": "a"}, {"path": "a", "content": "", "content_base64": ""}, {"path": "a", "content": None, "content_base64": ""}, {"content": ""}]
    ):
        answer = service.post({"code": "", "files": [file]})
        assert jsonschema.Draft202012Validator(schema).is_valid(file) == (answer.status_code == 200), (file, answer.text[:200])
