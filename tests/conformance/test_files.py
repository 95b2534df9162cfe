"""Files in, patterns out, made up by Hypothesis: what comes back is what went in, byte by byte and name by name, and what a name or a
pattern may be is decided alike by the service and by the model beside it."""

import base64
import glob
import hashlib
import json
import os
import tempfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import model

EXAMPLES = int(os.environ.get("HATCHERY_CONFORMANCE_FILES", "60"))
given_files = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

LETTERS = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\")
PART = st.one_of(
    st.text(LETTERS, min_size=1, max_size=12), st.sampled_from(["...", ".a", "a b", "-", "~", "*", "?", "[a]", "x" * 255, "é" * 127, "\U0001f600" * 63, "\ufeff", "CON", "a:b"])
).filter(lambda part: part not in (".", "..") and len(part.encode()) <= 255)
PATH = st.lists(PART, min_size=1, max_size=16).map("/".join).filter(lambda path: path.split("/")[0] != "main.py")
CONTENT = st.one_of(st.binary(max_size=200), st.sampled_from([b"", b"\0", bytes(range(256)) * 20, b"x" * 5000, "é\U0001f600\r\n".encode()]))


def disjoint(files):
    """Without what is in the place of, or below, another one."""
    kept = {}
    for path, content in files.items():
        above = {"/".join(path.split("/")[:n]) for n in range(1, path.count("/") + 1)}
        if not above & set(kept) and not any(other.startswith(path + "/") for other in kept):
            kept[path] = content
    return kept


def as_entry(path, content, as_text):
    if as_text:
        try:
            return {"path": path, "content": content.decode()}
        except UnicodeDecodeError:
            pass
    return {"path": path, "content_base64": base64.b64encode(content).decode()}


def collected(answer):
    return {file["path"]: base64.b64decode(file["content_base64"]) for file in answer["files"]}


@given_files
@given(files=st.dictionaries(PATH, CONTENT, max_size=8).map(disjoint), as_text=st.booleans())
def test_what_goes_in_comes_out(hatchery, files, as_text):
    body = {"code": "", "files": [as_entry(path, content, as_text) for path, content in files.items()], "collect": ["**", ".*", "**/.*", "**/.*/**"], "timeout": 30}
    answer = hatchery.post(body)
    assert answer.status_code == 200, answer.text[:500]
    answer = answer.json()
    hidden = lambda path: sum(part.startswith(".") for part in path.split("/"))  # noqa: E731
    plain = {path: content for path, content in files.items() if hidden(path) == 0}
    found = collected(answer)
    assert {path: found.get(path) for path in plain} == plain and answer["files_error"] is None
    assert all(files.get(path) == content for path, content in found.items() if path != "main.py"), "nothing that was not there"


@given_files
@given(files=st.dictionaries(PATH, st.just(b"x"), min_size=1, max_size=6).map(disjoint), patterns=st.lists(st.one_of(PATH, st.lists(st.sampled_from(
    ["*", "**", "?", "[a-z]", "[!a]", "a*", "*.py", ".*", "x?", "[", "[]", "[]a]", "a", "é*"]), min_size=1, max_size=4).map("/".join)).filter(lambda pattern: len(pattern.encode()) <= 511), min_size=1, max_size=3))  # fmt: skip
def test_patterns_mean_what_pythons_glob_means(hatchery, files, patterns):
    with tempfile.TemporaryDirectory() as folder:
        for path in files:
            os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
            with open(os.path.join(folder, path), "w") as f:
                f.write("x")
        matched = {path for pattern in patterns for path in glob.glob(pattern, root_dir=folder, recursive=True) if os.path.isfile(os.path.join(folder, path))}
    answer = hatchery.post({"code": "", "files": [as_entry(path, content, True) for path, content in files.items()], "collect": patterns, "timeout": 30})
    assert answer.status_code == 200, answer.text[:500]
    assert set(collected(answer.json())) - {"main.py"} == matched, patterns


@given_files
@given(name=st.text(st.characters(codec="utf-8"), max_size=40) | st.lists(st.sampled_from(["a", "", ".", "..", "\\", "\0", "é" * 128, "main.py"]), max_size=20).map("/".join))
def test_a_name_is_good_or_refused_as_the_model_says(hatchery, name):
    for field, value, check in (("files", [{"path": name, "content": ""}], model.path), ("collect", [name], model.pattern)):
        try:
            check(name)
            wrong = None
        except ValueError as error:
            wrong = f"Value error, {error}"
        if field == "collect" and len(name) > 511:
            wrong = "String should have at most 511 characters"
        answer = hatchery.post({"code": "", field: value, "timeout": 30})
        if wrong is not None:
            assert answer.status_code == 422 and answer.json()["detail"][0]["msg"] == wrong, (field, name)
        elif field == "files" and name.split("/")[0] == "main.py":
            assert answer.status_code == 422
        else:
            assert answer.status_code == 200, answer.text[:300]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4095, 4096, 4097, 65535, 65536, 65537, 1_000_000])
def test_sizes_at_the_edges(service, size):
    content = os.urandom(size)
    code = "import hashlib\nprint(hashlib.sha256(open('f', 'rb').read()).hexdigest())\nopen('g', 'wb').write(open('f', 'rb').read())"
    answer = service.post({"code": code, "files": [{"path": "f", "content_base64": base64.b64encode(content).decode()}], "collect": ["g"]}).json()
    assert answer["output"] == hashlib.sha256(content).hexdigest() + "\n" and collected(answer) == {"g": content}


def test_text_with_every_escape(service):
    """A content with everything that JSON escapes, and what need not be."""
    text = "".join(chr(c) for c in range(1, 0x250)) + "\u2028\ufeff\ufffd\U0010ffff" * 100
    for ascii_only in (True, False):
        body = json.dumps({"code": "", "files": [{"path": "f", "content": text}], "collect": ["f"]}, ensure_ascii=ascii_only).encode()
        assert collected(service.post(body).json()) == {"f": text.encode()}
