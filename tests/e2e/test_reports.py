"""`exception` and `stack`: what a program's own process tells of its end. They help, and decide nothing: whatever a program makes
of them, the verdict is the kernel's."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

MAIN = "/sandbox/main.py"


def run(service, code, timeout=10, **fields):
    answer = service.post({"code": code, "timeout": timeout, **fields})
    assert answer.status_code == 200, answer.text[:500]
    return answer.json()


def frame(line, function="<module>", file=MAIN):
    return {"file": file, "line": line, "function": function}


# --- exception ------------------------------------------------------------------------------------------------------


def test_exception(service):
    answer = run(service, "def f(x):\n    return 1 / x\n\n\nf(0)\n")
    assert answer["exception"] == {"type": "ZeroDivisionError", "message": "division by zero", "line": 2, "frames": [frame(5), frame(2, "f")]}
    assert answer["status"] == "error" and answer["stack"] is None


@pytest.mark.parametrize(
    ("code", "kind", "message", "line"),
    [
        ("raise ValueError", "ValueError", "", 1),
        ("raise ValueError('é\\0\\n\U0001f600')", "ValueError", "é \n\U0001f600", 1),
        ("raise ValueError('\\ud800')", "ValueError", "?", 1),
        ("\n\nx = (", "SyntaxError", "'(' was never closed (main.py, line 3)", 3),
        ("import json\njson.loads('{')", "json.decoder.JSONDecodeError", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)", 2),
        ("{}['k']", "KeyError", "'k'", 1),
        ("raise KeyError(('a', 1, None))", "KeyError", "('a', 1, None)", 1),
        ("open('/nothing')", "FileNotFoundError", "[Errno 2] No such file or directory: '/nothing'", 1),
        ("import subprocess\nsubprocess.run(['false'], check=True)", "subprocess.CalledProcessError", "Command '['false']' returned non-zero exit status 1.", 2),
        ("class E(Exception): pass\nraise E('own')", "E", "own", 2),
        ("class A:\n class B(Exception): pass\nraise A.B(1, 2)", "A.B", "(1, 2)", 3),
        ("class E(Exception):\n def __str__(self): return 'own'\nraise E('x')", "E", None, 3),
        ("class Odd:\n def __repr__(self): return 'odd'\nraise ValueError(Odd())", "ValueError", None, 3),
        ("class Odd:\n def __repr__(self): return 'odd'\nraise ValueError([1, {2: Odd()}])", "ValueError", None, 3),
        ("raise ValueError(1.5, b'x', True, [1, 'a'])", "ValueError", "(1.5, b'x', True, [1, 'a'])", 1),
        ("raise ExceptionGroup('many', [ValueError(1)])", "ExceptionGroup", "many (1 sub-exception)", 1),
        ("try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise RuntimeError('second') from e", "RuntimeError", "second", 4),
        ("import sys\nsys.excepthook = lambda *a: None\nraise ValueError('hidden')", "ValueError", "hidden", 3),
        ("import sys\nsys.excepthook = lambda *a: sys.exit(7)\nraise ValueError('exits')", "ValueError", "exits", 3),
    ],
)
def test_exceptions(service, code, kind, message, line):
    exception = run(service, code)["exception"]
    assert (exception["type"], exception["message"], exception["line"]) == (kind, message, line)


@pytest.mark.parametrize(
    "code",
    ["", "raise SystemExit(3)", "import sys; sys.exit('text')", "import os; os._exit(1)", "import os; os.abort()", "try: 1 / 0\nexcept ZeroDivisionError: pass",
     "import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start()\nt.join()", "import os\nif os.fork() == 0: 1 / 0\nos.wait()"],
)
def test_no_exception(service, code):
    assert run(service, code)["exception"] is None


def test_keyboard_interrupt(service):
    answer = run(service, "raise KeyboardInterrupt")
    assert (answer["status"], answer["signal"], answer["exception"]["type"]) == ("signal", "SIGINT", "KeyboardInterrupt")


def test_many_frames(service):
    answer = run(service, "def f(): f()\n\nf()")
    frames = answer["exception"]["frames"]
    assert answer["exception"]["type"] == "RecursionError" and len(frames) == 100 and frames[0] == frame(3) and frames[-1] == frame(1, "f")


def test_long_texts_are_cut(service):
    exception = run(service, "class E(Exception): pass\nE.__qualname__ = 'E' * 10_000\nraise E('m' * 100_000)")["exception"]
    assert exception["type"] == "E" * 512 and 8000 < len(exception["message"]) <= 8192 and exception["line"] == 3


def test_own_files_and_libraries(service):
    answer = run(service, "import helper\nhelper.fail()", files=[{"path": "helper.py", "content": "import json\ndef fail():\n    json.loads('x')\n"}])
    exception = answer["exception"]
    assert exception["line"] == 2 and exception["frames"][1] == frame(3, "fail", "/sandbox/helper.py") and len(exception["frames"]) > 3


def test_nothing_of_the_program_is_run_for_it(service):
    code = (
        "class Meta(type):\n    def __getattribute__(cls, name):\n        if name in ('args', '__str__', '__repr__'):\n            print('asked', name)\n        return super().__getattribute__(name)\n"
        "class E(Exception):\n    count = 0\n    def __str__(self):\n        E.count += 1\n        return f'called {E.count}'\n"
        "raise E()"
    )
    answer = run(service, code)
    assert answer["error"].endswith("E: called 1\n") and answer["exception"]["message"] is None


def test_limits_that_an_exception_speaks_of(service):
    assert run(service, "import os\nwhile True: os.dup(0)")["limits_hit"] == ["open_files"]
    assert run(service, "open('f', 'wb').write(bytes(70 << 20))")["limits_hit"] == ["workspace"]
    assert run(service, "open('/nothing')")["limits_hit"] == []


# --- stack ----------------------------------------------------------------------------------------------------------


def stack(service, code, timeout=0.4, **fields):
    return run(service, code, timeout, **fields)


def test_stack_of_a_loop(service):
    answer = stack(service, "def inner():\n    while True:\n        pass\n\n\ndef outer():\n    inner()\n\n\nouter()")
    assert answer["status"] == "timeout" and answer["exception"] is None
    (thread,) = answer["stack"]
    assert thread["thread"] == "MainThread"
    assert thread["frames"][:2] == [frame(10), frame(7, "outer")] and thread["frames"][2]["function"] == "inner" and len(thread["frames"]) == 3


@pytest.mark.parametrize("code", ["import time\ntime.sleep(60)", "import threading\nthreading.Lock().acquire() and threading.Event().wait()", "\nsum(x * 0 for x in iter(int, 1))", "\n9 ** 9 ** 9"])
def test_stack_wherever_it_is(service, code):
    answer = stack(service, code)
    assert answer["status"] == "timeout" and answer["stack"][-1]["frames"][0] == frame(2)


def test_stacks_of_many_at_once(make_service):
    """Each has to wait for a core before it can tell."""
    service = make_service(pool=4, concurrency=12)
    codes = ["while True:\n    pass", "import time\ntime.sleep(60)", "9 ** 9 ** 9"] * 4
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda code: run(service, code, 1.5), codes))
    assert [answer["status"] for answer in answers] == ["timeout"] * 12
    assert all(answer["stack"] for answer in answers), [answer["stack"] is not None for answer in answers]


def test_stack_of_threads(service):
    code = "import threading, time\n\n\ndef work():\n    time.sleep(60)\n\n\nfor n in range(3):\n    threading.Thread(target=work).start()\nwork()"
    threads = stack(service, code)["stack"]
    assert len(threads) == 4 and sum(thread["thread"] == "MainThread" for thread in threads) == 1
    assert all(frame(5, "work") in thread["frames"] for thread in threads)
    (main,) = (thread for thread in threads if thread["thread"] == "MainThread")
    assert main["frames"] == [frame(10), frame(5, "work")]


def test_stack_at_the_end_of_processor_time(service):
    answer = stack(service, "while True:\n    pass", timeout=20, limits={"cpu_time": 0.2, "open_files": 20})
    assert answer["status"] == "cpu_limit" and answer["stack"][0]["frames"] == [frame(answer["stack"][0]["frames"][0]["line"])]


def test_stack_of_a_program_that_uses_all_its_descriptors(service):
    answer = stack(service, "import os, time\nfor n in range(80): os.dup(0)\nopen('f', 'w').write('x')\ntime.sleep(60)", collect=["f"])
    assert answer["stack"][0]["frames"] == [frame(4)] and answer["files"][0]["size"] == 1


@pytest.mark.parametrize(
    "code",
    [
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))",
        "signal.signal(64, signal.SIG_IGN)",
        "signal.signal(64, signal.SIG_DFL)",
        "signal.signal(64, lambda *a: print('handled'))",
        "os.kill(os.getpid(), signal.SIGSTOP)",
    ],
)
def test_without_a_stack_it_ends_all_the_same(service, code):
    started = time.monotonic()
    answer = run(service, f"import os, signal, time\n{code}\nwhile True: time.sleep(1)", 0.5)
    assert answer["status"] == "timeout" and answer["stack"] is None and answer["exit_code"] is None
    assert time.monotonic() - started < 5


def test_stack_without_a_free_descriptor(service):
    answer = stack(service, "import os, time\n[os.dup(0) for n in range(252)]\ntime.sleep(60)")
    assert answer["stack"][0]["frames"] == [frame(3)]


def test_a_stack_of_its_own_making_is_not_the_last_one(service):
    """From itself the signal means nothing; the last word is the one at the end."""
    answer = stack(service, "import os, time\nfor _ in range(10): os.kill(os.getpid(), 64)\nprint('on')\ntime.sleep(60)")
    assert answer["output"] == "on\n" and answer["stack"][0]["frames"] == [frame(4)]


def test_ending_in_the_last_moment_is_still_a_timeout(service):
    """Asked where it is, it exits as if nothing were: the deadline has passed."""
    answer = run(service, "import os, signal, time\nsignal.signal(64, lambda *a: os._exit(0))\nwhile True: time.sleep(0.001)", 0.3)
    assert (answer["status"], answer["exit_code"]) == ("timeout", None)


def test_no_stack_but_at_a_timeout(service):
    for code in ("print(1)", "1 / 0", "import os, time\nos.kill(os.getpid(), 64)\nprint(1)"):
        assert run(service, code)["stack"] is None


def test_nothing_shows_in_the_program(service):
    code = (
        "import os, signal, sys, threading\n"
        "print(signal.getsignal(64) in (0, signal.SIG_DFL), 'faulthandler' in sys.modules, sorted(os.listdir('/proc/self/fd')), threading.active_count())"
    )
    assert run(service, code)["output"] == "True False ['0', '1', '2', '3'] 1\n"


# --- a report that lies ---------------------------------------------------------------------------------------------

FORGE = """
import ctypes, os, random, sys
for line in open('/proc/self/maps'):
    if 'memfd:report' in line:
        start, end = (int(x, 16) for x in line.split()[0].split('-'))
random.seed({seed})
def forge(data):
    ctypes.memmove(start, data, len(data))
"""


@pytest.mark.parametrize("seed", range(12))
def test_a_forged_report_is_only_data(service, seed):
    """Sizes, texts, and threads at random: the answer is an answer, its status the kernel's."""
    code = FORGE.format(seed=seed) + (
        "sizes = random.choice([(0xffffffff, 0xffffffff), (24576, 36864), (24577, 36865), (random.randrange(24576), random.randrange(36864))])\n"
        "words = [b'\\0', b'\\xff', b'=x', b'Thread 0x1:\\n', b'  File \"a\", line 1 in f\\n', b'  File \"', b'\", line ', b' in ', b'\\n', b'-5\\0', b'x' * 50, b'Current thread 0x']\n"
        "body = b''.join(random.choice(words) for _ in range(30_000))\n"
        "forge(b''.join(n.to_bytes(4, 'little') for n in sizes) + bytes(8) + body[:61000])\n"
        "print('forged')\n"
    )
    ended = run(service, code + "os._exit(3)")
    assert (ended["status"], ended["exit_code"], ended["output"], ended["stack"]) == ("error", 3, "forged\n", None)
    late = run(service, code + "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [64])\nwhile True: pass", 0.5)
    assert (late["status"], late["exit_code"], late["exception"]) == ("timeout", None, None)
    fine = run(service, code + "os._exit(0)")
    assert (fine["status"], fine["exception"], fine["stack"]) == ("ok", None, None)
    service.canary()


def test_a_report_of_one_run_is_not_the_next_ones(service):
    for _ in range(20):
        run(service, "raise ValueError('secret')")
        assert run(service, "import os; os._exit(1)")["exception"] is None
