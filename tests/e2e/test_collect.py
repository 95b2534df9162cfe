"""Files out of a run: what `collect` means, what it never gives, and that everything of the run is dead when it is read."""

import base64
import hashlib
import json
import os
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import service as services
from service import post, wait_for

MAKE = "import os\ndef make(path, data='x'):\n    os.makedirs(os.path.dirname(path) or '.', exist_ok=True)\n    open(path, 'w').write(data)\n"


def run(service, code, collect, **fields):
    answer = service.post({"code": code, "collect": collect, **fields}, timeout=120)
    assert answer.status_code == 200, answer.text[:500]
    return answer.json()


def contents(answer):
    return {file["path"]: base64.b64decode(file["content_base64"]) for file in answer["files"] if "content_base64" in file}


def omitted(answer):
    return {file["path"]: file["omitted"] for file in answer["files"] if "omitted" in file}


# --- what is sent ---------------------------------------------------------------------------------------------------


def test_bytes_come_back_as_they_are(service):
    answer = run(service, "open('f', 'wb').write(bytes(range(256)) * 5)\nopen('empty', 'w').close()", ["f", "empty"])
    assert contents(answer) == {"f": bytes(range(256)) * 5, "empty": b""}
    assert [file["size"] for file in answer["files"]] == [0, 1280] and answer["files_error"] is None


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        ([], []),
        (["a.txt"], ["a.txt"]),
        (["*.txt"], ["a.txt"]),
        (["**/*.txt"], ["a.txt", "x/b.txt", "x/y/c.txt"]),
        (["x/*"], ["x/b.txt"]),
        (["x/**"], ["x/b.txt", "x/y/c.txt", "x/y/d"]),
        (["**"], ["a.txt", "x/b.txt", "x/y/c.txt", "x/y/d"]),
        (["x"], []),
        (["nothing", "*.png"], []),
        (["**", "a.txt", "*"], ["a.txt", "x/b.txt", "x/y/c.txt", "x/y/d"]),
        ([".hidden", "x/.*"], [".hidden", "x/.h"]),
        (["main.py"], ["main.py"]),
    ],
)
def test_patterns(service, patterns, found):
    code = MAKE + "for path in ('a.txt', 'x/b.txt', 'x/y/c.txt', 'x/y/d', '.hidden', 'x/.h', '.folder/f'): make(path)"
    assert [file["path"] for file in run(service, code, patterns)["files"]] == found


def test_files_that_came_in_go_out_changed(service):
    answer = run(service, "open('in', 'a').write(' out')", ["in"], files=[{"path": "in", "content": "in"}])
    assert contents(answer) == {"in": b"in out"}


@pytest.mark.parametrize(
    ("code", "status"),
    [("1 / 0", "error"), ("os.abort()", "signal"), ("while True: pass", "timeout"), ("x = bytearray(1 << 30)\nx[::4096] = b'1' * (1 << 18)", "memory_limit"), ("os._exit(0)", "ok")],
)
def test_whatever_the_end(service, code, status):
    answer = run(service, MAKE + f"make('f', 'before')\nprint('printed')\n{code}", ["f"], timeout=1)
    assert answer["status"] == status, answer
    assert contents(answer) == {"f": b"before"} and answer["output"] == "printed\n"


def test_streams_have_them_too(service):
    answer = service.post({"code": "open('f', 'w').write('x'); print('p')", "collect": ["f"]}, headers={"Accept": "application/x-ndjson"})
    events = [json.loads(line) for line in answer.text.splitlines()]
    assert events[-1]["type"] == "result" and events[-1]["files"] == [{"path": "f", "size": 1, "content_base64": "eA=="}]


def test_one_runs_files_are_not_the_next_ones(service):
    for _ in range(10):
        run(service, MAKE + "make('secret')", ["*"])
        assert run(service, "", ["**"])["files"] == []


@pytest.mark.parametrize("pattern", ["", "/", "/etc/passwd", "../x", "a/../b", ".", "a//b", "a/", "x\\y", "a\n", "a\0", "x" * 256, "é" * 500, "a/" * 32 + "a"])
def test_patterns_that_mean_nothing_are_refused(service, pattern):
    answer = service.post({"code": "", "collect": ["fine", pattern]})
    assert answer.status_code == 422, answer.text
    (entry,) = answer.json()["detail"]
    assert (entry["type"], entry["loc"]) == ("value_error", ["body", "collect", 1])


def test_many_patterns(service):
    assert run(service, MAKE + "make('f63')", [f"f{n}" for n in range(64)])["files"][0]["path"] == "f63"
    answer = service.post({"code": "", "collect": ["f"] * 65})
    assert answer.status_code == 422 and answer.json()["detail"][0]["type"] == "too_long"


names = st.lists(st.sampled_from(["a", "b", ".", "*", "?", "[ab]", "[!a]", "**", "-", "é"]), min_size=1, max_size=4).map("".join)
patterns = st.lists(names, min_size=1, max_size=4).map("/".join)
PLACES = [(), ("aa",), ("ba",), ("aa", "ba"), (".a",), ("aa", "éa"), ("éb", "ba", "aa")]
LEAVES = ["a.", "b", "ab", "é", "é.a", ".h", "-", "aé", "[ab]"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(patterns, min_size=1, max_size=3))
def test_patterns_mean_what_pythons_glob_means(service, wanted):
    """The program itself asks glob.glob() in its folder."""
    if any(part in (".", "..") for pattern in wanted for part in pattern.split("/")):
        return
    code = (
        MAKE + f"for place in {PLACES!r}:\n    for leaf in {LEAVES!r}:\n        make('/'.join((*place, leaf, 'f') if leaf == 'ab' else (*place, leaf)))\n"
        f"import glob\nfound = set()\nfor pattern in {wanted!r}:\n    found |= set(glob.glob(pattern, recursive=True))\n"
        "print(sorted(path for path in found if os.path.isfile(path) and path != 'main.py'))"
    )
    answer = run(service, code, wanted)
    assert repr([file["path"] for file in answer["files"]]) + "\n" == answer["output"], answer["error"]


# --- what is never sent ---------------------------------------------------------------------------------------------


def test_links_are_not_followed(service):
    code = MAKE + (
        "make('real/f')\n"
        "for name, to in {'passwd': '/etc/passwd', 'up': '../../../etc/passwd', 'self': 'self', 'dangling': 'nowhere', 'environ': '/proc/self/environ',\n"
        "                 'fd': '/proc/self/fd/0', 'folder': '/etc', 'inside': 'real/f', 'inside-folder': 'real', 'root': '/'}.items():\n"
        "    os.symlink(to, name)\n"
    )
    answer = run(service, code, ["**", "folder/*", "inside-folder/*", "root/etc/passwd", "folder/passwd"])
    assert contents(answer) == {"real/f": b"x"}
    assert set(omitted(answer).values()) == {"a symbolic link"} and len(omitted(answer)) == 10


def test_what_is_no_file_is_not_opened(service):
    code = (
        "import os, socket\nos.mkfifo('fifo')\nos.mkdir('folder.txt')\ns = socket.socket(socket.AF_UNIX)\ns.bind('socket')\ns.listen()\n"
        "open('fine', 'w').write('x')"
    )
    started = time.monotonic()
    answer = run(service, code, ["*", "folder.txt"])
    assert contents(answer) == {"fine": b"x"}
    assert omitted(answer) == {"fifo": "not a regular file", "socket": "not a regular file"}
    assert time.monotonic() - started < 10


def test_modes_that_forbid_reading(service):
    code = MAKE + "make('f')\nos.chmod('f', 0)\nmake('closed/g')\nos.chmod('closed', 0)\nmake('fine')"
    answer = run(service, code, ["**"])
    assert contents(answer) == {"fine": b"x"} and omitted(answer) == {"f": "not readable"}
    assert answer["files_error"] == "there are folders that cannot be read"


def test_sparse_files_cost_nothing(service):
    code = "open('huge', 'wb').truncate(60 << 20)\nf = open('small', 'wb')\nf.seek(100000)\nf.write(b'x')"
    answer = run(service, code, ["*"])
    assert contents(answer) == {"small": bytes(100000) + b"x"}
    assert answer["files"][0] == {"path": "huge", "size": 60 << 20, "omitted": "too large: more than is left of limit-collect"}


def test_hard_links_are_sent_once(service):
    code = MAKE + "make('data', 'x' * 1000)\nfor n in range(500): os.link('data', f'link{n:03}')"
    answer = run(service, code, ["*"])
    assert len(contents(answer)) == 1 and len(omitted(answer)) == 500
    assert set(omitted(answer).values()) == {"a hard link of a file that is here"}


def test_all_together_are_bounded(make_service):
    service = make_service(limit_collect="100K")
    answer = run(service, MAKE + "for n in range(10): make(f'f{n}', 'x' * 30_000)", ["*"])
    assert len(contents(answer)) == 3 and len(omitted(answer)) == 7
    assert set(omitted(answer).values()) == {"too large: more than is left of limit-collect"}


def test_many_files(make_service):
    service = make_service(limit_files=200_000, limit_memory="512M")
    code = "import os\nfor d in range(10):\n    os.mkdir(f'd{d}')\n    for n in range(10_000):\n        os.close(os.open(f'd{d}/{n}', os.O_CREAT))"
    answer = run(service, code, ["**"], timeout=60)
    assert answer["status"] == "ok", answer["error"]
    assert len(answer["files"]) == 1024 and answer["files_error"] == "more than 1024 files match"
    answer = run(service, code + "\nopen('d7/wanted', 'w').write('x')", ["**/wanted"], timeout=60)
    assert contents(answer) == {"d7/wanted": b"x"} and answer["files_error"] is None


def test_deep_folders(service):
    code = MAKE + "import sys\nmake('/'.join('abcdefghijklmno') + '/f')\nfor n in range(5000):\n    os.mkdir('deep')\n    os.chdir('deep')\nopen('bottom', 'w').close()"
    answer = run(service, code, ["**"], timeout=20)
    assert answer["status"] == "ok", answer["error"]
    assert contents(answer) == {"/".join("abcdefghijklmno") + "/f": b"x"}
    assert answer["files_error"] == "there are folders deeper than 16"


def test_names_that_are_no_text(service):
    code = (
        "import os\nfor name in (b'\\xff\\xfe', b'new\\nline', b'\\xc3\\xa9', b'\\x7f\\x01', b'%41', b'\"quote\"', b'x' * 255):\n"
        "    os.close(os.open(name, os.O_CREAT))"
    )
    answer = run(service, code, ["*"])
    assert {file["path"] for file in answer["files"]} == {"%FF%FE", "new%0Aline", "é", "%7F%01", "%41", '"quote"', "x" * 255}


# --- nothing lives when files are read -----------------------------------------------------------------------------


def test_a_process_left_behind_cannot_change_them(service):
    """It swaps a file and a link, and rewrites a file, as fast as it can, until it is killed: before anything is read."""
    code = (
        "import os\n"
        "for n in range(4):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        while True:\n"
        "            open('t', 'w').write('whole')\n"
        "            os.rename('t', 'f')\n"
        "            os.symlink('/etc/passwd', f's{n}')\n"
        "            os.rename(f's{n}', 'f')\n"
        "import time\ntime.sleep(0.05)\n"
    )
    for _ in range(10):
        answer = run(service, code, ["f"])
        assert answer["files_error"] is None
        (file,) = answer["files"]
        assert file.get("omitted") == "a symbolic link" or base64.b64decode(file["content_base64"]) in (b"", b"whole"), file
    service.canary()


def test_the_holder_is_dead_too(service):
    """Every process of the run, ours among them, is gone when the answer is there: the sandbox's cgroup is empty."""
    answer = run(service, "import os, time\nif os.fork() == 0:\n    time.sleep(60)\nopen('f', 'w').write(str(os.getpid()))", ["f"])
    assert contents(answer)["f"].isdigit()
    wait_for(lambda: not any("sleep" in str(stat) for stat in service.sandboxes().values()), 5, "end of the sleeper")


def test_a_client_that_goes_away_while_files_are_collected(service):
    for _ in range(5):
        body = {"code": MAKE + "for n in range(1000): make(f'f{n}', 'x' * 8000)", "collect": ["*"]}
        with service.raw(post(body)) as connection:
            time.sleep(0.05)
            connection.close()
    service.canary()
    wait_for(lambda: not _collectors(service), 20, "collectors gone")


def _collectors(service):
    return [pid for pid, stat in service.tree().items() if stat[0] == "collector"]


def test_no_collector_is_left(service):
    for n in range(30):
        run(service, "print(1)", ["*"] if n % 2 else [], limits={"workspace": 1 << 20})
    wait_for(lambda: not _collectors(service), 10, "collectors gone")


def test_a_collector_that_is_killed(service):
    """The run is answered, and the answer says that its files are not all there."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(run(service, "import time; open('f', 'w').close(); time.sleep(2)", ["f"], timeout=10)))
    thread.start()
    (collector,) = wait_for(lambda: _collectors(service), 10, "a collector")
    wait_for(lambda: "setns" not in _wchan(collector), 5, "it waits")
    os.kill(collector, 9)
    thread.join(30)
    (answer,) = answers
    assert answer["status"] == "ok" and answer["files"] == [] and answer["files_error"] == "collecting was cut off"
    service.canary()


def _wchan(pid):
    with open(f"/proc/{pid}/wchan") as file:
        return file.read()


def test_a_collector_has_no_rights(service):
    thread = threading.Thread(target=run, args=(service, "import time; time.sleep(1)", ["f"]))
    thread.start()
    (collector,) = wait_for(lambda: _collectors(service), 10, "a collector")

    def status():
        with open(f"/proc/{collector}/status") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)

    wait_for(lambda: status()["Seccomp"] == "2", 5, "it is confined")
    found = status()
    assert found["NoNewPrivs"] == "1" and all(int(found[name], 16) == 0 for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"))
    assert "0" not in found["Uid"].split()
    descriptors = [os.readlink(f"/proc/{collector}/fd/{fd}") for fd in os.listdir(f"/proc/{collector}/fd")]
    assert sum(link.startswith("socket:") for link in descriptors) == 2 == len(descriptors), descriptors
    thread.join(30)


def test_large_round_trip(make_service):
    service = make_service(max_body="64M", limit_collect="32M")
    data = os.urandom(10_000_000)
    answer = run(service, "open('out', 'wb').write(open('in', 'rb').read())", ["out"], files=[{"path": "in", "content_base64": base64.b64encode(data).decode()}], timeout=30)
    assert hashlib.sha256(contents(answer)["out"]).digest() == hashlib.sha256(data).digest()


def test_started_by_someone_in_groups(make_service, monkeypatch):
    """An engine puts a container's root into root's group; sudo, into all of root's."""

    def in_groups(die_with_parent=services._die_with_parent):
        die_with_parent()
        os.setgroups([0, 27])

    monkeypatch.setattr(services, "_die_with_parent", in_groups)
    answer = make_service().post({"code": "open('made', 'w').write('1')", "collect": ["made"]}).json()
    assert [file["path"] for file in answer["files"]] == ["made"]
