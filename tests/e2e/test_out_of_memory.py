"""Every allocation of the front and of the broker fails in turn, and the time of day jumps: tests/faults/faults.c. A client gets the right
answer, 503 or 500, or an end of its connection; never another answer. And all is well afterwards.

Not with a sanitizer, which has an allocator of its own."""

import json
import mmap
import os
import signal
import struct
import time

import httpx
import pytest

import service as services
from service import post, wait_for

FAULTS = services.BINARY.parent / "tests" / "faults" / "libfaults.so"
pytestmark = pytest.mark.unsanitized


class Faults:
    """What tests/faults/faults.c reads: see struct faults there."""

    def __init__(self, path):
        path.write_bytes(bytes(24))
        self.path = path
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 24)

    def fail(self, pid, number, more=0):
        self.memory[0:16] = struct.pack("iiii", 0, 0, 0, 0)
        self.memory[4:12] = struct.pack("ii", number, more)
        self.memory[0:4] = struct.pack("i", pid)

    def failed(self):
        """How many have failed; none does any more."""
        self.memory[0:8] = bytes(8)
        return struct.unpack("i", self.memory[12:16])[0]

    def jump(self, seconds):
        self.memory[16:24] = struct.pack("q", seconds)


@pytest.fixture
def faulty(make_service, tmp_path, monkeypatch):
    """(service, its Faults)."""
    faults = Faults(tmp_path / "faults")
    monkeypatch.setattr(services, "environment", lambda **more: ENVIRONMENT(**more, LD_PRELOAD=FAULTS, FAULTS_FILE=faults.path))
    service = make_service(pool=2)
    service.canary()
    assert "libfaults" in open(f"/proc/{service.role_pids()['front'][0]}/maps").read()
    return service, faults


ENVIRONMENT = services.environment
LINES = b"Accept: application/x-ndjson\r\n"
EVERYTHING = {
    "code": "import sys\nprint(sys.stdin.read(), sys.argv[1:], open('in.txt').read())\nopen('out.txt', 'w').write('y' * 3000)", "timeout": 20, "stdin": "x" * 2000,
    "args": ["a", "b"], "env": {"A": "b", "C": "d"}, "files": [{"path": "in.txt", "content": "hello"}, {"path": "d/b", "content_base64": "aGVsbG8="}],
    "collect": ["*.txt"], "limits": {"memory": 100 << 20},
}
REQUESTS = {
    "plain": post({"code": "print('x' * 5000)"}),
    "everything": post(EVERYTHING),
    "stream": post({"code": "print('x' * 5000)"}, extra=LINES),
    "exception": post({"code": "def f(): raise ValueError('x' * 100)\nf()"}),
    "invalid": post({"code": 1, "timeout": [], "limits": {"memory": -1}, "environment": "no", "files": [{}, 1], "env": {"=": 1}}),
    "syntax": post(b'{"code": '),
    "metrics": b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "info": b"GET /info HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


def essence(answer):
    """What of an answer does not depend on the run."""
    status, headers, body = answer
    if not body or headers.get("content-type", "").startswith("text/plain"):
        return status, len(body) > 0
    if headers["content-type"] == "application/x-ndjson":
        lines = [json.loads(line) for line in body.splitlines()]
        return status, "".join(line.get("data", line.get("text", "")) for line in lines[:-1] if isinstance(line, dict)), essence_of_run(lines[-1])
    return status, essence_of_run(json.loads(body))


def essence_of_run(value):
    if not isinstance(value, dict) or "usage" not in value:
        return {k: v for k, v in value.items() if k != "uptime"} if isinstance(value, dict) else value
    return {name: value[name] for name in ("output", "error", "status", "exit_code", "exception", "files", "files_error", "output_truncated")}


def ask(service, request):
    """The answer, or None where the connection ended without one."""
    try:
        with service.raw(request, timeout=30) as connection:
            return connection.answer()
    except (ConnectionError, AssertionError) as error:
        assert "timed out" not in repr(error)
        return None


def failing_in_turn(service, faults, pid_of, request, more=0, step=1):
    """Lets one allocation after the other fail while the request is answered: (how many, what was answered otherwise)."""
    right = essence(ask(service, request))
    seen, number, unreached = {}, 0, 0
    while unreached < 3 and number < 400:
        number += step
        pid = pid_of()
        faults.fail(pid, number, more)
        answer = ask(service, request)
        failed = faults.failed()
        unreached = 0 if failed else unreached + 1
        if answer is None:
            kind = "no answer"
        elif answer[0] in (500, 503):
            kind = answer[0]
        else:
            assert essence(answer) == right, (number, answer, right)
            kind = "right"
        seen[kind] = seen.get(kind, 0) + 1
        if pid_of() != pid or answer is None:
            began = time.monotonic()
            wait_for(lambda: ask(service, REQUESTS["syntax"]) is not None, 10, "the front", 0.01)
            seen["longest"] = max(seen.get("longest", 0), time.monotonic() - began)
    return number, seen


@pytest.mark.parametrize("kind, more, step", [("plain", 0, 1), ("plain", 3, 1), ("everything", 0, 4), ("everything", 3, 4), ("stream", 0, 1), ("exception", 0, 2), ("invalid", 0, 4),
                                              ("syntax", 0, 1), ("metrics", 0, 1), ("info", 0, 1)])
def test_fault_10_the_front(faulty, kind, more, step):
    service, faults = faulty
    number, seen = failing_in_turn(service, faults, lambda: max(service.role_pids().get("front", [0])), REQUESTS[kind], more, step)
    print(f"{kind}, {1 + more} at a time: {number} allocations; {seen}")
    assert number > 3 and set(seen) - {"right"}
    service.close_client()
    service.client = httpx.Client(base_url=service.url, timeout=60, trust_env=False)
    service.canary()


def test_fault_10_the_broker(faulty):
    """It allocates next to nothing while it serves: where it looks at a process, and where it starts one."""
    service, faults = faulty
    for kind in ("everything", "metrics"):
        number, seen = failing_in_turn(service, faults, lambda: service.broker, REQUESTS[kind])
        print(f"the broker, {kind}: {number} allocations; {seen}")
    for number in range(1, 4):
        faults.fail(service.broker, number)
        os.kill(service.role_pids()["zygote"][0], signal.SIGKILL)
        wait_for(lambda: ask(service, REQUESTS["plain"]) is not None and len(service.role_pids().get("zygote", [])) == 1, 20, "the zygote", 0.05)
        faults.failed()
    service.close_client()
    service.client = httpx.Client(base_url=service.url, timeout=60, trust_env=False)
    service.canary()
    assert service.running()


def test_fault_15_the_time_of_day_jumps(faulty):
    """Only the log has it: timeouts, waits and rotations go by the monotonic clock."""
    service, faults = faulty
    with service.raw(post({"code": "import time; time.sleep(1.5); print('slept')", "timeout": 20})) as long, service.raw(post({"code": "while True: pass", "timeout": 1})) as short:
        began = time.monotonic()
        for jump in (86400, -86400, 0, 10 * 365 * 86400, -86400 * 365 * 50):
            faults.jump(jump)
            service.canary()
            time.sleep(0.1)
        answer = json.loads(short.answer()[2])
        assert answer["status"] == "timeout" and 0.9 < answer["execution_time"] < 5, answer
        assert json.loads(long.answer()[2])["output"] == "slept\n"
        assert time.monotonic() - began < 15
    faults.jump(0)
    years = {line[:4] for line in service.log_text().splitlines() if "run.ended" in line}
    assert len(years) > 2, f"the jumps were real: {years}"
    service.canary()
