"""Programs of one zygote share what it has imported, and nothing else: what is random differs, what was before does not show."""

import os
import subprocess
import time

import pytest

import audit

# Same zygote throughout: what differs does so because of the fork, not of a rotation.
KEEP = {"rotate_runs": 0, "rotate_age": 0, "rotate_faults": "false"}
RANDOM = {
    "random": "import random; print(random.random(), random.getrandbits(64))",
    "SystemRandom": "import random; print(random.SystemRandom().random())",
    "secrets": "import secrets; print(secrets.token_hex())",
    "urandom": "import os; print(os.urandom(16))",
    "uuid1 clock sequence and node": "import uuid; u = uuid.uuid1(); print(u.clock_seq, u.node)",
    "uuid4": "import uuid; print(uuid.uuid4())",
    "uuid getnode": "import uuid; print(uuid.getnode())",
    "tempfile": "import tempfile; print(tempfile.mkdtemp(), tempfile.mktemp())",
    "ssl": "import ssl; print(ssl.RAND_bytes(16))",
    "numpy global": "import numpy; print(numpy.random.random(), numpy.random.randint(1 << 60), numpy.random.get_state()[1][:4])",
    "numpy generator": "import numpy; print(numpy.random.default_rng().random())",
    "shuffle": "import random; l = list(range(100)); random.shuffle(l); print(l)",
    "AT_RANDOM of a child": "import subprocess, sys; print(subprocess.check_output([sys.executable, '-c', 'print(hash(\"a\"))']))",
}
PRELOAD = "random,uuid,secrets,tempfile,ssl"


def has_numpy():
    return subprocess.run(["/usr/bin/python3", "-c", "import numpy"], capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    import service as services

    preload = PRELOAD + (",numpy,numpy.random" if has_numpy() else "")
    started = services.Service(folder=tmp_path_factory.mktemp("hygiene"), pool=3, preload=preload, **KEEP)
    yield started
    assert started.stop() == 0


@pytest.mark.parametrize("what", RANDOM)
def test_random_things_differ(target, what):
    if "numpy" in what and not has_numpy():
        pytest.skip("/usr/bin/python3 has no numpy")
    seen = set()
    for _ in range(6):
        answer = target.execute(RANDOM[what])
        assert answer["error"] is None, answer
        seen.add(answer["output"])
    assert len(seen) == 6, seen


def test_hash_seed_is_the_zygote_s(target):
    """Documented: it changes with the zygote."""
    assert len({target.execute("print(hash('a'))")["output"] for _ in range(4)}) == 1


def test_seeding_still_works(target):
    assert len({target.execute("import random; random.seed(5); print(random.random())")["output"] for _ in range(3)}) == 1


SCAN = """
import ctypes, re, sys
needle = bytes.fromhex(%r)[::-1]
libc = ctypes.CDLL(None)
found = []
for line in open("/proc/self/maps"):
    match = re.match(r"([0-9a-f]+)-([0-9a-f]+) (r\\S+) \\S+ \\S+ \\S+\\s*(.*)", line)
    if not match or match[4] in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
        continue
    start, end = int(match[1], 16), int(match[2], 16)
    memory = ctypes.string_at(start, end - start)
    at = memory.find(needle)
    while at >= 0:
        found.append((line.split()[-1], start + at))
        at = memory.find(needle, at + 1)
print(len(found))
"""


def test_nothing_of_another_run_is_in_memory(target):
    """A word of one run's code, input, environment and files is nowhere in the memory of those after it."""
    word = os.urandom(12).hex()
    body = {"code": f"s = {word!r} * 100\nprint(s, file=open('/tmp/x', 'w'))\nprint(len(s))", "stdin": word, "args": [word], "env": {"WORD": word},
            "files": [{"path": "word.txt", "content": word}]}
    for _ in range(8):
        answer = target.post(body).json()
        assert answer["output"] == "2400\n", answer
    # the scanner has the word reversed, in hexadecimal, so that it does not find itself
    code = SCAN % word.encode()[::-1].hex()
    for _ in range(4):
        answer = target.execute(code, timeout=30)
        assert answer["error"] is None, answer
        # what it finds is its own needle, once or twice; a copy of the other run's would be a hundred
        assert int(answer["output"]) < 8, answer


def test_the_scanner_finds_what_is_there(target):
    word = os.urandom(12).hex()
    answer = target.execute(f"s = {word!r} * 100\n" + SCAN % word.encode()[::-1].hex(), timeout=30)
    assert answer["error"] is None and int(answer["output"]) > 50, answer


def test_descriptors_and_environment(target):
    answer = target.execute("import os; print(sorted(map(int, os.listdir('/proc/self/fd')))[:3], len(os.listdir('/proc/self/fd'))); print(sorted(os.environ))")
    assert answer["output"].splitlines()[0] == "[0, 1, 2] 4"  # and the one that lists them
    assert "HATCHERY" not in answer["output"].upper()


def open_files(pid):
    """{descriptor: what it is} of a process; empty when it is gone."""
    try:
        return {int(n): os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")}
    except OSError:
        return {}


def test_dev_null_is_a_program_s_standard_input_and_nothing_else(target):
    """Each close of it walks a list of locks that another run can have made long: see RES-52."""
    waiting = []
    for _ in range(200):
        programs = [pid for box in audit.in_use(audit.sandboxes_below(target.process.pid)).values() for pid in box]
        # it is warm when its main.py is there
        waiting = [files for files in map(open_files, programs) if any(path.endswith("/main.py") for path in files.values())]
        if waiting:
            break
        time.sleep(0.05)
    assert waiting
    for files in waiting:
        assert [fd for fd, path in files.items() if path == "/dev/null"] == [0], files
    host = audit.namespace("self", "pid")
    zygotes = [pid for pid in audit.tree(target.process.pid) if "python" in audit.stat_of(pid)[0] and audit.namespace(pid, "pid") == host]
    assert zygotes
    for pid in zygotes:
        assert "/dev/null" not in open_files(pid).values()


def test_threads(target):
    assert target.execute("import os; print(os.listdir('/proc/self/task').__len__())")["output"] == "1\n"


# --- a program's own files come first -----------------------------------------------------------------------------------

OWN = {"random": "import random; print(random.mine)", "json": "import json; print(json.mine)", "string": "import string; print(string.mine)",
       "uuid": "import uuid; print(uuid.mine)", "copy": "from copy import mine; print(mine)"}


@pytest.mark.parametrize("name", OWN)
def test_own_module_of_a_preloaded_name(target, name):
    for path in (f"{name}.py", f"{name}/__init__.py"):
        answer = target.post({"code": OWN[name], "files": [{"path": path, "content": "mine = 'mine'"}]}).json()
        assert (answer["output"], answer["error"]) == ("mine\n", None)


def test_own_files_change_nothing_else(target):
    files = [{"path": "data.txt", "content": "x"}, {"path": "sub/random.py", "content": "1 / 0"}, {"path": "notes.random", "content": "x"}]
    answer = target.post({"code": "import random, json, sys; print(random.random() < 1, json.dumps([1]), 'ssl' in sys.modules)", "files": files}).json()
    assert (answer["output"], answer["error"]) == ("True [1] True\n", None)


SABOTAGE = ["traceback", "linecache", "logging", "threading", "atexit", "io", "os", "codecs", "warnings", "types", "gc", "signal", "_hatchery", "encodings",
            "json", "random", "uuid", "importlib", "site", "sitecustomize", "usercustomize", "time", "tokenize", "contextlib"]


@pytest.mark.parametrize("code, expected", [
    ("print('fine')", ("fine\n", 0)),
    ("import atexit, sys; print('fine'); sys.exit(3)", ("fine\n", 3)),
    ("class A:\n    def __del__(self): print('gone')\na = A(); a.me = a\nprint('fine')", ("fine\ngone\n", 0)),
])
def test_own_files_are_not_imported_by_us(target, code, expected):
    """A file for every module that code of ours could want: none is imported unless the program does it."""
    evil = "print('HIJACKED', flush=True)\nraise SystemExit(99)\n"
    files = [{"path": f"{name}.py", "content": evil} for name in SABOTAGE if name not in ("atexit",)]
    answer = target.post({"code": code, "files": files, "env": {"TZ": "UTC"}, "args": ["a"], "stdin": "x"}).json()
    assert (answer["output"], answer["exit_code"]) == expected, answer
