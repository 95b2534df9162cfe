"""clients/python, and the examples of docs/clients.md and of its own README, word for word."""

import asyncio
import re
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import service as services
from service import wait_for
from test_examples import shell, there
from test_keys import line

SOURCES = services.REPOSITORY / "clients" / "python" / "src"
sys.path.insert(0, str(SOURCES))

import hatchery_client as hc  # noqa: E402


def blocks(path, kind):
    found = re.findall(rf"```{kind}\n(.*?)```", (services.REPOSITORY / path).read_text(), re.DOTALL)
    assert found
    return found


@pytest.fixture
def client(service):
    with hc.Client(service.url) as made:
        yield made


def run_async(service, work, **options):
    async def main():
        async with hc.AsyncClient(service.url, **options) as made:
            return await work(made)

    return asyncio.run(main())


class Both:
    """The same calls on either client."""

    def __init__(self, service, kind, **options):
        self.service, self.kind, self.options = service, kind, options

    def __call__(self, name, *arguments, **named):
        if self.kind == "sync":
            with hc.Client(self.service.url, **self.options) as made:
                return getattr(made, name)(*arguments, **named)
        return run_async(self.service, lambda made: getattr(made, name)(*arguments, **named), **self.options)

    def stream(self, code, take=None, **named):
        """(id, outputs, result or None when it was left after `take` outputs)"""
        if self.kind == "sync":
            with hc.Client(self.service.url, **self.options) as made, made.stream(code, **named) as stream:
                seen = []
                for event in stream:
                    seen.append(event)
                    if len(seen) == take:
                        return stream.id, seen, None
                return stream.id, seen, stream.result

        async def work(made):
            async with made.stream(code, **named) as stream:
                seen = []
                async for event in stream:
                    seen.append(event)
                    if len(seen) == take:
                        return stream.id, seen, None
                return stream.id, seen, stream.result

        return run_async(self.service, work, **self.options)


@pytest.fixture(params=["sync", "async"])
def both(request, service):
    return Both(service, request.param)


class TestRuns:
    def test_result(self, both):
        result = both("run", "import sys\nprint('ä')\nprint('e', file=sys.stderr)\nsys.exit(3)", timeout=20, request_id="named")
        assert (result.output, result.error, result.status, result.exit_code, result.ok, result.id) == ("ä\n", "e\n", "error", 3, False, "named")
        assert result.usage.output_bytes == 3 and result.execution_time == result.raw["execution_time"] > 0

    def test_everything_that_goes_in(self, both):
        code = "import os, sys\nprint(sys.argv[1:], sys.stdin.read(), os.environ['A'], open('d/f').read(), open('b','rb').read())\nopen('o.bin', 'wb').write(bytes(range(256)))"
        result = both("run", code, timeout=20, stdin="in", args=["x", "y"], env={"A": "1"}, files={"d/f": "text", "b": b"\0\xff"}, collect=["*.bin"])
        assert result.output == "['x', 'y'] in 1 text b'\\x00\\xff'\n", result
        assert dict(result.files) == {"o.bin": bytes(range(256))}

    def test_stream(self, both):
        name, seen, result = both.stream("import sys, time\nprint('a'); time.sleep(0.1); print('b', file=sys.stderr)", timeout=20)
        assert "".join(e.text for e in seen if e.stream == "stdout") == "a\n" == result.output
        assert "".join(e.text for e in seen if e.stream == "stderr") == "b\n"
        assert result.ok and result.id == name

    def test_much(self, both):
        _, seen, result = both.stream("for n in range(50_000): print(n, 'é' * 20)", timeout=60)
        assert "".join(e.text for e in seen) == "".join(f"{n} {'é' * 20}\n" for n in range(50_000))
        assert result.output_truncated

    def test_to_leave_a_stream_ends_the_run(self, both):
        name, _, result = both.stream("import time\nwhile True: print('x', flush=True); time.sleep(0.01)", take=3, timeout=60)
        assert result is None
        wait_for(lambda: f"id={name} status=cancelled" in both.service.log_text(), 20, "the end of the run")

    def test_cancel(self, both):
        assert both("cancel", "nothing") is False
        done = []
        thread = threading.Thread(target=lambda: done.append(both("run", "while True: pass", timeout=60, request_id="endless-" + both.kind)))
        thread.start()
        wait_for(lambda: both("cancel", "endless-" + both.kind), 20, "the run")
        thread.join(20)
        assert done[0].status == "cancelled"

    def test_service(self, both):
        assert both("health") is True
        wait_for(lambda: both("ready"), 20, "a sandbox")
        assert both("info")["version"]


class TestErrors:
    def test_invalid(self, both):
        with pytest.raises(hc.InvalidRequest) as caught:
            both("run", "", timeout=1000)
        assert caught.value.errors[0]["loc"] == ["body", "timeout"] and caught.value.status == 422
        with pytest.raises(hc.InvalidRequest):
            both.stream("", timeout=-1)

    @pytest.mark.parametrize("kind", ["sync", "async"])
    def test_nobody_there(self, service, kind):
        class Nowhere:
            url = f"http://127.0.0.1:{services.free_port()}"

        with pytest.raises(hc.ConnectionFailed):
            Both(Nowhere, kind)("run", "")
        assert Both(Nowhere, kind)("health") is False

    @pytest.mark.parametrize("kind", ["sync", "async"])
    def test_keys(self, make_service, tmp_path, kind):
        (tmp_path / "keys").write_text(line("alice", "k1", "rate=1 burst=1"))
        service = make_service(keys_file=tmp_path / "keys")
        for options in ({}, {"key": "k2"}):
            with pytest.raises(hc.Unauthorized):
                Both(service, kind, **options)("run", "")
        assert Both(service, kind, key="k1")("run", "print(1)").output == "1\n"
        with pytest.raises(hc.Busy) as caught:
            for _ in range(20):
                Both(service, kind, key="k1")("run", "")
        assert caught.value.status == 429 and caught.value.retry_after >= 1
        assert Both(service, kind, key="k1", retries=20)("run", "print(2)").output == "2\n"

    @pytest.mark.parametrize("kind", ["sync", "async"])
    def test_front_that_dies(self, make_service, kind):
        import os
        import signal

        service = make_service()
        threading.Timer(0.7, lambda: os.kill(service.role_pids()["front"][0], signal.SIGKILL)).start()
        with pytest.raises(hc.ConnectionFailed):
            Both(service, kind).stream("import time\nprint(1, flush=True)\ntime.sleep(20)", timeout=30)
        service.wait_healthy()

    @pytest.mark.parametrize("url", ["", "ftp://x", "http://", "http:///x"])
    def test_no_url(self, url):
        for kind in (hc.Client, hc.AsyncClient):
            with pytest.raises(ValueError):
                kind(url)

    def test_nothing_of_a_header_is_forged(self, both):
        with pytest.raises(ValueError):
            both("run", "", request_id="a\r\nX: y")
        with pytest.raises(ValueError):
            Both(both.service, both.kind, key="a\nb")("run", "")


def test_connections_are_kept_and_shared(service):
    with hc.Client(service.url) as client, ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: client.run(f"print({n})", timeout=30), range(64)))
        assert [int(r.output) for r in results] == list(range(64))
        assert 1 <= len(client._idle) <= 8
        with client.stream("print(1)") as stream:
            list(stream)
        assert client.run("print(2)").output == "2\n"


def test_a_connection_that_the_service_has_closed(make_service):
    service = make_service(idle_timeout=0.3)
    with hc.Client(service.url) as client:
        assert client.run("print(1)").output == "1\n"
        time.sleep(1)
        assert client.run("print(2)").output == "2\n"


def test_tasks(service):
    async def work(client):
        return await asyncio.gather(*(client.run(f"print({n} ** 2)", timeout=30) for n in range(20)))

    assert [int(r.output) for r in run_async(service, work)] == [n**2 for n in range(20)]


def test_a_cancelled_task_ends_its_run(service):
    async def work(client):
        task = asyncio.create_task(client.run("while True: pass", timeout=60, request_id="task"))
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_async(service, work)
    wait_for(lambda: "id=task status=cancelled" in service.log_text(), 20, "the end of the run")


def test_installed(service, tmp_path):
    """pip installs it, and the examples of its README and of docs/clients.md run with nothing else installed."""
    copy = tmp_path / "python"
    shutil.copytree(services.REPOSITORY / "clients" / "python", copy, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True, timeout=120)
    done = subprocess.run([str(venv / "bin" / "pip"), "install", "-q", "--disable-pip-version-check", str(copy)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for text in blocks("clients/python/README.md", "python") + blocks("docs/clients.md", "python"):
        done = subprocess.run([str(venv / "bin" / "python"), "-W", "error", "-c", there(service, text)], capture_output=True, text=True, timeout=60, cwd=tmp_path, env=services.environment())
        assert (done.returncode, done.stderr) == (0, ""), text
        assert done.stdout
    assert done.stdout == "HELLO\n ok\n0\n1\n2\nok\n"


def test_javascript(service):
    if not shutil.which("node"):
        pytest.skip("node is not installed")
    (text,) = blocks("docs/clients.md", "javascript")
    done = subprocess.run(["node", "--input-type=module", "-e", there(service, text)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "42\n\n0\n1\n2\nok\n"), done.stderr


def test_curl(service):
    (text,) = blocks("docs/clients.md", "bash")
    plain, lines = (shell(service, one) for one in text.splitlines())
    assert '"output":"42\\n"' in plain
    assert lines.splitlines()[0].startswith('{"type":"started"') and '"type":"result"' in lines.splitlines()[-1]
