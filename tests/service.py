"""A hatchery under test: starts the real binary, talks to it, stops it, and can say what it holds."""

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

import audit
from contract import Contract

REPOSITORY = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("HATCHERY_BINARY", REPOSITORY / "build" / "hatchery")).resolve()

# Generous on purpose: the suites must also pass with a sanitizer build on a busy machine.
START_TIME = float(os.environ.get("HATCHERY_TEST_START_TIME", "30"))
# The name of a container to test instead of a service that the tests start: tools/container.sh
CONTAINER = os.environ.get("HATCHERY_TEST_CONTAINER")
# How many times slower than a computer of today the machine is: an emulated one is.
SLOWER = float(os.environ.get("HATCHERY_TEST_SLOWER", "1"))
STOP_TIME = float(os.environ.get("HATCHERY_TEST_STOP_TIME", "20"))

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans():
    """Makes this process the parent of whatever a service leaves behind, so that it is seen and ended."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def environment(**more):
    """The environment for the binary: this one without what would change the service's settings or Python."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("HATCHERY_", "PYTHON"))}
    clean.update({k: str(v) for k, v in more.items()})
    return clean


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, seconds, what="condition", interval=0.02):
    """Polls until condition() is true and returns its value; AssertionError after the deadline, which a slow machine has later."""
    seconds *= SLOWER
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(interval)


class Raw:
    """A TCP connection that sends exactly the given bytes and parses answers strictly."""

    def __init__(self, port, timeout=30.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _more(self):
        data = self.socket.recv(1 << 20)
        self.buffer += data
        return data

    def answer(self, head_only=False):
        """The next answer as (status, {lower-case header: value}, body); None when the connection ended before one."""
        while b"\r\n\r\n" not in self.buffer:
            if not self._more():
                assert not self.buffer, f"half an answer: {self.buffer[:200]!r}"
                return None
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        first, *lines = head.split(b"\r\n")
        version, status, *_ = first.split(b" ", 2)
        assert version in (b"HTTP/1.1", b"HTTP/1.0"), first
        status = int(status)
        headers = {}
        for line in lines:
            name, value = line.split(b":", 1)
            name = name.decode().lower()
            assert name not in headers, f"header twice: {name}"
            headers[name] = value.strip().decode("latin-1")
        if head_only or status in (204, 304) or 100 <= status < 200:
            return status, headers, b""
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while True:
                while b"\r\n" not in self.buffer:
                    assert self._more(), "connection ended inside a chunked answer"
                size, self.buffer = self.buffer.split(b"\r\n", 1)
                size = int(size.split(b";")[0], 16)
                while len(self.buffer) < size + 2:
                    assert self._more(), "connection ended inside a chunk"
                body += self.buffer[:size]
                self.buffer = self.buffer[size + 2 :]
                if size == 0:
                    return status, headers, body
        length = int(headers["content-length"])
        while len(self.buffer) < length:
            assert self._more(), "connection ended inside an answer's body"
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return status, headers, body

    def ended(self, seconds=30.0):
        """True when the peer closes (or resets) the connection within the time, with nothing more sent."""
        self.socket.settimeout(seconds)
        try:
            data = self._more()
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return data == b""


def post(body, path="/execute", content_type="application/json", extra=b"", method="POST"):
    """The bytes of one request."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
    return head.encode() + extra + b"Content-Length: %d\r\n\r\n" % len(body) + body


class Service:
    """hatchery serve on a port of its own. Settings are keyword arguments: pool=4 is --pool 4."""

    def __init__(self, folder=None, environment_more=None, binary=BINARY, **settings):
        self.settings = settings
        self.binary = binary
        self.folder = Path(folder or tempfile.mkdtemp(prefix="hatchery-test-"))
        self.environment_more = environment_more or {}
        self.log = self.folder / "service.log"
        self.process = None
        self.port = None
        self.client = None
        self.start()

    # --- life -----------------------------------------------------------------------------------------------

    def arguments(self):
        arguments = [str(self.binary), "serve", "--listen", f"127.0.0.1:{self.port}"]
        for name, value in self.settings.items():
            arguments += [f"--{name.replace('_', '-')}", str(value)]
        return arguments

    def start(self):
        assert BINARY.exists(), f"no binary at {BINARY}: run `make build`, or set HATCHERY_BINARY"
        self.port = free_port()
        self.log_offset = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.arguments(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=environment(**self.environment_more),
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        self.client = httpx.Client(base_url=self.url, timeout=60, trust_env=False, event_hooks={"response": [self.check_answer]})
        self.contract = None
        try:
            self.wait_healthy(START_TIME)
            self.contract = Contract(httpx.get(self.url + "/openapi.json", timeout=60, trust_env=False).json())
        except BaseException:
            self.kill()
            raise

    def wait_healthy(self, seconds=START_TIME):
        deadline = time.monotonic() + seconds
        while True:
            if self.process.poll() is not None:
                raise AssertionError(f"the service ended with {self.process.returncode}:\n{self.log_text()[-4000:]}")
            try:
                with httpx.Client(timeout=5, trust_env=False) as client:
                    if client.get(self.url + "/health").json() == {"status": "healthy"}:
                        return
            except (httpx.HTTPError, ValueError):
                pass
            if time.monotonic() > deadline:
                raise AssertionError(f"not healthy within {seconds} s:\n{self.log_text()[-4000:]}")
            time.sleep(0.02)

    def stop(self, seconds=STOP_TIME):
        """SIGTERM; the exit status. Fails when the service does not end in time or leaves a process behind."""
        if self.process is None:
            return None
        before = set(self.tree())
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"SIGTERM: still there after {seconds} s:\n{self.log_text()[-4000:]}") from None
        self.close_client()
        self.process = None
        try:
            wait_for(lambda: not self._alive(before), 5, "processes after the end of the service")
        except AssertionError:
            left = {pid: audit.stat_of(pid) for pid in self._alive(before)}
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            raise AssertionError(f"processes left behind: {left}") from None
        return status

    @staticmethod
    def _reap_orphans():
        """Programs that a dead broker has left to this process: their init ends when they are gone. A program is nobody's own id."""
        for pid, (_, state, parent) in audit.processes().items():
            if state == "Z" and parent == os.getpid() and (audit.kernel_uids(pid) or [0])[0] != os.getuid():
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass

    @staticmethod
    def _alive(pids):
        Service._reap_orphans()
        alive = []
        for pid in pids:
            stat = audit.stat_of(pid)
            if stat and stat[1] == "Z" and stat[2] == os.getpid():
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass
            elif stat and stat[1] not in "ZX":
                alive.append(pid)
        return alive

    def kill(self):
        """Ends everything at once; for when a test has gone wrong."""
        if self.process is None:
            return
        pids = list(self.tree())
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(10)
        self.close_client()
        self.process = None

    def close_client(self):
        if self.client:
            self.client.close()
            self.client = None

    def restart(self):
        self.stop()
        self.start()

    def running(self):
        return self.process is not None and self.process.poll() is None

    def check_answer(self, response):
        if self.contract is not None:
            self.contract.check(response)

    # --- talking --------------------------------------------------------------------------------------------

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def post(self, body, client=None, **options):
        """POST /execute with a JSON value (lone surrogates allowed, they go as escapes) or bytes."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | options.pop("headers", {})
        return (client or self.client).post("/execute", content=body, headers=headers, **options)

    def execute(self, code, timeout=None, client=None):
        """Runs code; the answer's object. Anything but 200 fails."""
        body = {"code": code}
        if timeout is not None:
            body["timeout"] = timeout
        answer = self.post(body, client=client)
        assert answer.status_code == 200, f"{answer.status_code} {answer.text[:500]}\n{self.log_tail()}"
        return answer.json()

    def raw(self, data=b"", timeout=30.0):
        connection = Raw(self.port, timeout)
        if data:
            connection.send(data)
        return connection

    def canary(self):
        """The service is well: a run answers what it must."""
        answer = self.execute("print(6 * 7)", timeout=20)
        assert (answer["output"], answer["error"], answer["status"], answer["exit_code"]) == ("42\n", None, "ok", 0), answer

    # --- looking --------------------------------------------------------------------------------------------

    def log_text(self):
        return self.log.read_text(errors="replace")

    def log_tail(self, lines=15):
        return "\n".join(self.log_text().splitlines()[-lines:])

    def tree(self):
        return audit.tree(self.process.pid) if self.process else {}

    @property
    def broker(self):
        """The pid of the broker of the generation that serves; 0 while there is none."""
        return max(self.brokers(), key=start_time, default=0)

    def brokers(self):
        """Of every generation: one, but for a while after a reload."""
        return [pid for pid, stat in self.tree().items() if stat[0] == "hatchery-broker" and stat[2] == self.process.pid]

    def role_pids(self):
        """{role: [pids]} of the processes that stay: supervisor, broker, front, incubator, zygote."""
        roles = {"supervisor": [self.process.pid], "broker": sorted(self.brokers())}
        for pid in self.tree():
            if pid == self.process.pid or pid in roles["broker"]:
                continue
            role = role_of(pid)
            if role:
                roles.setdefault(role, []).append(pid)
        return roles

    def sandboxes(self):
        """The processes of the tree that are not one of the roles: the pool and the runs."""
        roles = {pid for pids in self.role_pids().values() for pid in pids}
        return {pid: stat for pid, stat in self.tree().items() if pid not in roles}

    def cgroups(self):
        """The cgroup folders of this service, in all hierarchies."""
        return audit.cgroup_folders(f"hatchery-{self.broker}") if self.broker else set()

    def holdings(self):
        """Everything that must be the same before and after any number of runs."""
        roles = self.role_pids()
        tree = self.tree()
        inits = [pid for pid, stat in tree.items() if stat[0] == "init"]
        return {
            "processes": len(tree) - len(inits),
            "nests": len(inits),
            "cgroups": len(self.cgroups()),
            "mounts": {role: sorted(len(audit.mounts(p)) for p in pids) for role, pids in roles.items()},
            "host mounts": len(audit.mounts()),
            "descriptors": {role: sorted(len(audit.descriptors(p)) for p in pids) for role, pids in roles.items()},
        }

    def exercise(self, clients=24):
        """Has every slot used at once, so that what is made when it is first needed has been made."""
        with ThreadPoolExecutor(clients) as pool:
            for code in ("import time; time.sleep(0.3)", "import os, time\nif os.fork() == 0: time.sleep(60)"):
                list(pool.map(lambda _: httpx.post(self.url + "/execute", json={"code": code, "timeout": 30}, timeout=60, trust_env=False), range(clients)))

    def settled_holdings(self, seconds=30, still=0.5):
        """holdings() once they have not changed for a while: the pool is full and nothing is being cleared away."""
        deadline = time.monotonic() + seconds
        last, since = None, time.monotonic()
        while True:
            now = self.holdings()
            if now != last:
                last, since = now, time.monotonic()
            elif time.monotonic() - since >= still:
                return now
            if time.monotonic() > deadline:
                return now
            time.sleep(0.05)


class Container(Service):
    """A service that runs in a container already, started by tools/container.sh with the settings that it has. Its processes and
    cgroups are looked at from outside of it."""

    class _Process:
        def __init__(self, pid):
            self.pid = pid

        def poll(self):
            return None if audit.stat_of(self.pid) else 0

    def __init__(self, name, folder):
        self.name = name
        super().__init__(folder)

    def docker(self, *arguments):
        return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True, timeout=60).stdout.strip()

    def start(self):
        self.log_offset = 0
        init = int(self.docker("inspect", "--format", "{{.State.Pid}}", self.name))
        self.process = self._Process(init)
        self.port = int(self.docker("port", self.name, "8000/tcp").splitlines()[0].rpartition(":")[2])
        self.client = httpx.Client(base_url=self.url, timeout=60, trust_env=False)
        self.wait_healthy()

    def stop(self, seconds=STOP_TIME):
        self.close_client()
        self.process = None

    kill = stop

    def log_text(self):
        done = subprocess.run(["docker", "logs", self.name], capture_output=True, text=True, errors="replace")
        return done.stdout + done.stderr

    def role_pids_outside(self):
        """The processes that stay: of the container's own pid namespace, and none of a sandbox's user id."""
        return [pid for pid in self.tree() if audit.pid_namespaces(pid) == audit.pid_namespaces(self.process.pid)]

    def cgroups(self):
        identity = self.docker("inspect", "--format", "{{.Id}}", self.name)
        return {folder for folder in audit.cgroup_folders("hatchery") if identity in folder}


def own_mounts(holdings):
    """What broker and supervisor see more than the machine, on which others may mount something meanwhile."""
    return [count - holdings["host mounts"] for role in ("broker", "supervisor") for count in holdings["mounts"][role]]



class Clients:
    """Threads that ask without a pause until the block ends. A subclass says in `ask_once()` what, and keeps what came of it."""

    def __init__(self, count):
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.ask) for _ in range(count)]

    def ask(self):
        while not self.over.is_set():
            self.ask_once()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()


ROLES = ("front", "incubator", "zygote")


def start_time(pid):
    """Clock ticks since boot; 0 when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(text[text.rindex(")") + 2 :].split()[19])


def role_of(pid):
    """Which of the service's lasting processes this is; None for a sandbox or a stranger.

    A sandbox is forked from the zygote and so has its command line, but it lives in a pid namespace of its own."""
    if audit.pid_namespaces(pid) != audit.pid_namespaces("self"):
        return None
    stat = audit.stat_of(pid)
    text = b" ".join(audit.command_line(pid)).decode(errors="replace")
    for role in ROLES:
        if stat and role in stat[0]:
            return role
    for role in ROLES:
        if role in text:
            arguments = text.split()
            return "learned" if role == "zygote" and arguments[-1].isdigit() and arguments[-1] != "0" else role
    return None


def copy_binary(folder):
    """The binary and what it looks for beside it, in a folder where it can be replaced; its path. What was there is replaced as a
    package manager does it: by a new file of the same name."""
    names = ("hatchery", "src/zygote/_hatchery.abi3.so", "src/incubator/hatchery-incubator", "src/collector/hatchery-collector")
    for name in names:
        target = Path(folder) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(BINARY.parent / name, f"{target}.new")
        os.rename(f"{target}.new", target)
    return Path(folder) / "hatchery"


def command(*arguments, input=None, timeout=60, **environment_more):
    """Runs the binary once; the finished process with bytes in stdout and stderr."""
    return subprocess.run(
        [str(BINARY), *map(str, arguments)],
        input=input,
        stdin=subprocess.DEVNULL if input is None else None,
        capture_output=True,
        timeout=timeout,
        cwd="/",
        env=environment(**environment_more),
        preexec_fn=_die_with_parent,
    )


def main():
    """Starts a service with the settings on the command line (pool=4 ...) and runs standard input in it."""
    settings = dict(word.split("=", 1) for word in sys.argv[1:])
    service = Service(**settings)
    try:
        print(json.dumps(service.execute(sys.stdin.read()), indent=2))
    finally:
        service.stop()


if __name__ == "__main__":
    main()
