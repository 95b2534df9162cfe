"""How runs end, and what the answer then says."""

import time

import pytest


def says(answer, **expected):
    """Fails with the whole answer when a field is not as expected."""
    found = {name: answer[name] for name in expected}
    assert found == expected, answer


def test_ok(service):
    answer = service.execute("print('hello')")
    says(answer, output="hello\n", error=None, status="ok", exit_code=0, signal=None, limits_hit=[],
         output_truncated=False, error_truncated=False)
    assert 0 < answer["execution_time"] < 5
    usage = answer["usage"]
    assert usage["output_bytes"] == 6 and usage["error_bytes"] == 0
    assert usage["memory_peak"] > 100_000
    assert usage["cpu_user"] >= 0 and usage["cpu_system"] >= 0 and usage["queued"] >= 0 and usage["setup"] > 0
    assert abs(usage["wall"] - answer["execution_time"]) < 0.01


def test_error(service):
    answer = service.execute("import sys\nprint('partial', end='')\nsys.exit(42)")
    says(answer, output="partial", error=None, status="error", exit_code=42, signal=None)


def test_traceback(service):
    answer = service.execute("def f():\n    return 1 / 0\n\nf()")
    says(answer, output="", status="error", exit_code=1, signal=None)
    unmarked = "".join(line for line in answer["error"].splitlines(True) if line.strip(" ~^\n"))  # the marks are Python's version's
    assert unmarked == (
        'Traceback (most recent call last):\n  File "/sandbox/main.py", line 4, in <module>\n    f()\n'
        '  File "/sandbox/main.py", line 2, in f\n    return 1 / 0\nZeroDivisionError: division by zero\n'
    )


def test_warning_is_no_error(service):
    answer = service.execute("import sys\nprint('careful', file=sys.stderr)")
    says(answer, output="", error="careful\n", status="ok", exit_code=0)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import os; os.abort()", "SIGABRT"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
        ("import os; os.kill(os.getpid(), 9)", "SIGKILL"),
        ("import os; os.kill(os.getpid(), 15)", "SIGTERM"),
        ("import signal; signal.raise_signal(signal.SIGUSR1)", "SIGUSR1"),
        ("import signal; signal.raise_signal(signal.SIGFPE)", "SIGFPE"),
    ],
)
def test_signal(service, code, name):
    answer = service.execute("print('before')\n" + code)
    says(answer, output="before\n", status="signal", exit_code=None, signal=name)


# --- time -----------------------------------------------------------------------------------------------------

STUBBORN = {
    "loop": "while True: pass",
    "sleep": "import time; time.sleep(1e6)",
    "in C": "9 ** 9 ** 9",
    "catches everything": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "ignores signals": "import signal\nfor s in range(1, 64):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nwhile True: pass",
    "atexit never ends": "import atexit, time; atexit.register(time.sleep, 1e6)",
    "thread never ends": "import threading, time; threading.Thread(target=time.sleep, args=(1e6,)).start()",
    "waits for a child": "import subprocess; subprocess.run(['sleep', '100000'])",
    "child keeps the pipe": "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(1e6)\nos._exit(0) if False else time.sleep(1e6)",
    "stopped": "import os, signal; os.kill(os.getpid(), signal.SIGSTOP); import time; time.sleep(1e6)",
    "input": "import os; r, w = os.pipe(); os.read(r, 1)",
    "in __del__": "class A:\n    def __del__(self):\n        while True: pass\na = A()",
    "many threads": "import threading\ndef f():\n    while True: pass\nfor _ in range(20): threading.Thread(target=f).start()",
}


@pytest.mark.parametrize("name", STUBBORN)
def test_timeout(service, name):
    started = time.monotonic()
    answer = service.execute("print('before', flush=True)\n" + STUBBORN[name], timeout=0.5)
    took = time.monotonic() - started
    says(answer, output="before\n", status="timeout", exit_code=None, signal=None)
    assert answer["error"].rstrip("\n").endswith("Execution timed out after 0.5 seconds")
    assert 0.45 <= answer["execution_time"] < 2
    assert took < 5


def test_timeout_in_whole_seconds_reads_as_before(service):
    answer = service.execute("while True: pass", timeout=1)
    assert answer["error"].strip() == "Execution timed out after 1 seconds"


def test_timeout_keeps_everything_printed(service):
    code = "import sys\nprint('line')\nprint('to stderr', file=sys.stderr)\nprint('partial', end='')\nwhile True: pass"
    answer = service.execute(code, timeout=0.5)
    says(answer, output="line\npartial", status="timeout")
    assert answer["error"].startswith("to stderr\n")


def test_timeout_after_a_partial_line_of_error(service):
    answer = service.execute("import sys\nsys.stderr.write('half')\nwhile True: pass", timeout=0.5)
    lines = answer["error"].splitlines()
    assert lines[0] == "half" and lines[-1].startswith("Execution timed out"), answer["error"]


def test_default_timeout(make_service):
    service = make_service(default_timeout=0.5, max_timeout=1)
    says(service.execute("while True: pass"), status="timeout")
    assert service.post({"code": "", "timeout": 1.5}).status_code == 422
    assert service.post({"code": "", "timeout": 1}).status_code == 200
    answer = service.post({"code": "while True: pass", "timeout": None}).json()
    assert "after 0.5 seconds" in answer["error"]


def test_main_ends_but_a_child_lives_on(service):
    """The run is over when the program is: what it leaves behind is ended and does not hold the answer."""
    started = time.monotonic()
    code = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(1000)\nprint('main is done')"
    answer = service.execute(code, timeout=30)
    says(answer, output="main is done\n", status="ok", exit_code=0)
    assert time.monotonic() - started < 15


def test_just_before_the_deadline_is_ok(service):
    says(service.execute("import time; time.sleep(0.5); print('done')", timeout=5), status="ok", output="done\n")


def test_cpu_limit(make_service):
    service = make_service(limit_cpu_time=0.5)
    answer = service.execute("print('before')\nwhile True: pass", timeout=20)
    says(answer, output="before\n", status="cpu_limit", exit_code=None, signal=None)
    assert answer["execution_time"] < 10
    assert answer["usage"]["cpu_user"] + answer["usage"]["cpu_system"] < 5
    says(service.execute("import time; time.sleep(1)", timeout=20), status="ok")
    answer = service.execute("import os\nfor _ in range(3):\n    os.fork()\nwhile True: pass", timeout=20)
    says(answer, status="cpu_limit")


def test_cpu_time_is_measured(service):
    answer = service.execute("import time\nt = time.process_time()\nwhile time.process_time() - t < 0.3: pass", timeout=20)
    assert 0.2 < answer["usage"]["cpu_user"] + answer["usage"]["cpu_system"] < 3
    answer = service.execute("import time\ntime.sleep(0.3)")
    assert answer["usage"]["cpu_user"] + answer["usage"]["cpu_system"] < 0.3
    assert 0.29 < answer["usage"]["wall"] < 3


def test_cpu_of_children_counts(service):
    code = "import os, time\nif os.fork() == 0:\n    if os.fork() == 0:\n        t = time.process_time()\n        while time.process_time() - t < 0.3: pass\n        os._exit(0)\n    os.wait()\n    os._exit(0)\nos.wait()"
    answer = service.execute(code, timeout=20)
    assert answer["usage"]["cpu_user"] + answer["usage"]["cpu_system"] > 0.2


# --- memory, processes, files ---------------------------------------------------------------------------------


def test_memory_limit(service):
    answer = service.execute("print('before')\nl = []\nwhile True: l.append(bytearray(1 << 20))", timeout=30)
    says(answer, output="before\n", status="memory_limit", exit_code=None)
    assert "memory" in answer["error"].lower()
    assert answer["usage"]["memory_peak"] > 200 << 20


def test_memory_limit_of_children_together(service):
    code = "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        x = b'x' * (60 << 20)\n        time.sleep(20)\n        os._exit(0)\ntry:\n    while True: os.wait()\nexcept ChildProcessError: pass"
    says(service.execute(code, timeout=15), status="memory_limit")


def test_memory_of_files_counts(service):
    code = "import os\nfor folder in ('/tmp', '/dev/shm', '.'):\n    with open(folder + '/big', 'wb', buffering=0) as f:\n        try:\n            for _ in range(60): f.write(b'x' * (1 << 20))\n        except OSError as e: print(e)\nl = bytearray(150 << 20)\nfor i in range(0, len(l), 4096): l[i] = 1\nprint('survived')"
    answer = service.execute(code, timeout=30)
    assert answer["status"] == "memory_limit" and "survived" not in answer["output"]


def test_memory_error_is_the_programs_own(service):
    answer = service.execute("try:\n    bytearray(1 << 62)\nexcept MemoryError:\n    print('MemoryError')")
    says(answer, output="MemoryError\n", status="ok")


def test_memory_peak_is_seen(service):
    answer = service.execute("x = b'x' * (100 << 20)")
    assert 100 << 20 < answer["usage"]["memory_peak"] < 256 << 20


def test_processes_limit(service):
    code = "import os, time\nn = 0\ntry:\n    while True:\n        if os.fork() == 0:\n            time.sleep(60)\n            os._exit(0)\n        n += 1\nexcept OSError as e:\n    print(n > 30, n <= 64, e.errno)"
    answer = service.execute(code, timeout=20)
    says(answer, output="True True 11\n", status="ok", limits_hit=["processes"])


def test_threads_limit(service):
    code = "import threading, time\ntry:\n    for n in range(1000): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\nexcept RuntimeError as e: print(e)"
    answer = service.execute(code, timeout=20)
    says(answer, output="can't start new thread\n", status="ok", limits_hit=["processes"])


def test_workspace_limit(service):
    code = "try:\n    with open('big', 'wb', buffering=0) as f:\n        for _ in range(1000): f.write(b'x' * (1 << 20))\nexcept OSError as e: print(e.errno)\nimport os\nprint(os.path.getsize('big') <= 64 << 20)"
    answer = service.execute(code, timeout=30)
    assert answer["output"] in ("28\nTrue\n", "27\nTrue\n"), answer
    assert answer["status"] == "ok"


def test_files_limit(make_service):
    service = make_service(limit_files=200)
    code = "n = 0\ntry:\n    while True:\n        open(f'f{n}', 'w').close()\n        n += 1\nexcept OSError as e: print(e.errno, 100 < n <= 200)"
    says(service.execute(code, timeout=20), output="28 True\n", status="ok")


def test_open_files_limit(service):
    code = "files = []\ntry:\n    while True: files.append(open('/dev/null'))\nexcept OSError as e: print(e.errno, 200 < len(files) < 256)"
    answer = service.execute(code)
    says(answer, output="24 True\n", status="ok")


# --- output ---------------------------------------------------------------------------------------------------


def test_large_output_is_whole(make_service):
    service = make_service(limit_output="16M")
    code = "import sys\nfor n in range(160_000): sys.stdout.write(f'{n:063d}\\n')"
    answer = service.execute(code, timeout=50)
    assert answer["output"] == "".join(f"{n:063d}\n" for n in range(160_000))
    says(answer, status="ok", output_truncated=False, error=None)
    assert answer["usage"]["output_bytes"] == 160_000 * 64
    code = "import os\ndata = bytes(range(128)) * 8192 * 10\nn = 0\nwhile n < len(data): n += os.write(1, data[n:n + 99991])"
    assert service.execute(code, timeout=50)["output"] == "".join(map(chr, range(128))) * 8192 * 10


def test_output_is_truncated_in_the_middle(make_service):
    service = make_service(limit_output=4096)
    answer = service.execute("for n in range(5000): print('line', n)")
    total = sum(len(f"line {n}\n") for n in range(5000))
    says(answer, status="ok", output_truncated=True, error_truncated=False, exit_code=0, error=None)
    output = answer["output"]
    assert output.startswith("line 0\nline 1\n") and output.endswith("line 4998\nline 4999\n")
    assert 3000 < len(output) < 4096 + 300
    assert answer["usage"]["output_bytes"] == total
    import re

    (missing,) = [int(m) for m in re.findall(r"(\d+) bytes", output)]
    between = re.search(r"\n?[^\n]*\d+ bytes[^\n]*\n?", output).group()
    assert total - missing == len(output) - len(between) or abs(total - missing - (len(output) - len(between))) <= 2


def test_error_is_truncated_in_the_middle(make_service):
    service = make_service(limit_output=4096)
    answer = service.execute("import sys\nfor n in range(5000): print('line', n, file=sys.stderr)\n1 / 0")
    says(answer, status="error", output="", output_truncated=False, error_truncated=True)
    assert answer["error"].startswith("line 0\n") and answer["error"].endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize("shift", range(4))
@pytest.mark.parametrize("character", ["é", "日", "\U0001f423"])
def test_truncation_splits_no_character(hatchery, shift, character):
    answer = hatchery.execute(f"print('x' * {shift} + {character!r} * 1000000)")
    assert answer["output_truncated"]
    assert "\ufffd" not in answer["output"]
    assert answer["output"].count(character) > 200_000


def test_output_exactly_at_the_limit(make_service):
    service = make_service(limit_output=4096)
    says(service.execute("print('x' * 4095)"), output="x" * 4095 + "\n", output_truncated=False)
    says(service.execute("print('x' * 4096)"), output_truncated=True)


def test_output_limit(service):
    started = time.monotonic()
    answer = service.execute("import os\nwhile True: os.write(1, b'y' * 65536)", timeout=50)
    says(answer, status="output_limit", exit_code=None, output_truncated=True)
    assert answer["output"].startswith("yyy") and answer["output"].endswith("yyy")
    assert "output" in answer["error"].lower()
    assert time.monotonic() - started < 40


def test_output_limit_of_standard_error(service):
    answer = service.execute("import os\nwhile True: os.write(2, b'e' * 65536)", timeout=50)
    says(answer, status="output_limit", error_truncated=True, output="")


def test_bytes_that_are_not_utf8(service):
    data = [b"ok \xff\xfe end", b"\xe2\x82", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf0\x9f\x90", b"a\x80b", bytes(range(256)), b"\xf4\x90\x80\x80"]
    for sent in data:
        answer = service.execute(f"import os; os.write(1, {sent!r}); os.write(2, {sent!r})")
        assert answer["output"] == sent.decode("utf-8", "replace"), sent
        assert answer["error"] == sent.decode("utf-8", "replace"), sent


def test_character_written_in_pieces(service):
    code = "import os, time\nfor b in '日本🐣é'.encode():\n    os.write(1, bytes([b]))\n    time.sleep(0.01)"
    assert service.execute(code, timeout=20)["output"] == "日本🐣é"


def test_control_characters_are_kept(service):
    text = "".join(map(chr, range(32))) + "\x7f\u2028\u2029\ufeff\"\\/</script>"
    assert service.execute(f"import sys; sys.stdout.write({text!r})")["output"] == text


def test_forged_result_is_only_text(service):
    code = "import os\nfor fd in range(0, 64):\n    try: os.write(fd, b'{\"output\":\"forged\",\"status\":\"ok\",\"exit_code\":0}\\n')\n    except OSError: pass\nos._exit(3)"
    answer = service.execute(code)
    says(answer, status="error", exit_code=3)


# --- bombs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        "import os\nwhile True:\n    try:\n        if os.fork() == 0: os.setsid()\n    except OSError: pass",
        "import os, sys\nwhile True:\n    try:\n        if os.fork() == 0: os.execv(sys.executable, [sys.executable, '-c', 'while True: pass'])\n    except OSError: pass",
        "import multiprocessing\nmultiprocessing.set_start_method('spawn')\nwhile True: multiprocessing.Process(target=print).start()",
        "import threading\ndef f():\n    while True:\n        try: threading.Thread(target=f).start()\n        except RuntimeError: pass\nf()",
        "x = 'x'\nwhile True: x += x",
        "import itertools\nlist(itertools.count())",
        "l = []\nwhile True: l.append(l[:]); l = [l, l]",
        "import mmap\nm = []\nwhile True:\n    m.append(mmap.mmap(-1, 16 << 20))\n    m[-1].write(b'x' * (16 << 20))",
    ],
    ids=["fork", "setsid", "exec", "spawn", "threads", "string", "list", "cycles", "mmap"],
)
def test_bomb(service, code):
    answer = service.execute(code, timeout=1.5)
    assert answer["status"] in ("timeout", "memory_limit", "error", "signal"), answer["status"]
    service.canary()


def test_several_bombs_at_once(service):
    from concurrent.futures import ThreadPoolExecutor

    import httpx

    def run(code):
        with httpx.Client(timeout=60, trust_env=False) as client:
            return client.post(service.url + "/execute", json={"code": code, "timeout": 2}).json()["status"]

    codes = ["import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", "l = []\nwhile True: l.append(bytearray(1 << 20))",
             "while True: print('x' * 10000)", "while True: pass"] * 2
    with ThreadPoolExecutor(len(codes)) as pool:
        found = list(pool.map(run, codes))
    assert set(found) <= {"timeout", "memory_limit", "output_limit", "error"}, found
    service.canary()


def test_isolated_from_each_other(service):
    first = """
import os, sys, builtins, signal, locale, resource
for place in ('.', '/tmp', '/dev/shm', os.environ['HOME']):
    open(os.path.join(place, 'left-by-first'), 'w').write('secret')
os.environ['LEFT'] = 'secret'
os.putenv('LEFT2', 'secret')
builtins.left = 'secret'
sys.modules['left'] = sys
sys.path.append('/left')
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.umask(0)
resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
import random; random.seed(1)
"""
    second = """
import os, sys, builtins, signal, resource
print([n for place in ('.', '/tmp', '/dev/shm', os.environ['HOME']) for n in os.listdir(place)])
print(os.environ.get('LEFT'), os.environ.get('LEFT2'), hasattr(builtins, 'left'), 'left' in sys.modules, '/left' in sys.path)
print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, oct(os.umask(0)), resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 100)
"""
    for _ in range(12):
        says(service.execute(first), status="ok", error=None)
        says(service.execute(second), output="['main.py', 'main.py']\nNone None False False False\nTrue 0o22 True\n", status="ok")


def test_randomness_is_not_shared(service):
    code = "import random, secrets, uuid, tempfile, os\nprint(random.random(), secrets.token_hex(8), uuid.uuid4(), next(tempfile._get_candidate_names()), os.urandom(8).hex())"
    found = [service.execute(code)["output"].split() for _ in range(12)]
    for column in zip(*found):
        assert len(set(column)) == 12, column


def test_runs_do_not_see_each_other(service):
    from concurrent.futures import ThreadPoolExecutor

    code = "import os, time\nopen('/tmp/mine', 'w').write('x')\ntime.sleep(0.5)\nprint(len([p for p in os.listdir('/proc') if p.isdigit()]) <= 2, os.listdir('/tmp'))"

    def run(_):
        return service.execute(code, timeout=20)["output"]

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(run, range(4))) == {"True ['mine']\n"}
